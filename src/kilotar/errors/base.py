"""What every error carries, and the four lines in which a person meets it."""

from __future__ import annotations

__all__ = ["KilotarError", "plain"]


class KilotarError(Exception):
    """Something stopped the command; carries what a person needs to go on.

    Args:
        what: one line, what failed.
        seen: the evidence: expected, found, where.
        fix:  the command or step that helps.
    """

    code = "E-BUG"
    exit_code = 1

    def __init__(self, what: str, *, seen: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.seen = seen
        self.fix = fix

    def __str__(self) -> str:
        return "; ".join(part for part in (self.what, self.seen) if part)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.seen, self.fix)

    def lines(self, log: str = "") -> tuple[str, ...]:
        """Give the message as at most four lines of plain text, without escapes of the terminal's own."""
        rows = [f"error {self.code}: {plain(self.what)}"]
        rows += [f"  {word:<6} {plain(text)}" for word, text in (("seen", self.seen), ("try", self.fix)) if text]
        rows.append(f"  log    {log or '-'}   (exit {self.exit_code})")
        return tuple(rows)


def _rebuild(kind: type[KilotarError], what: str, seen: str, fix: str) -> KilotarError:
    return kind(what, seen=seen, fix=fix)


def plain(text: str) -> str:
    """Escape line ends, control characters and lone surrogates: names out of archives neither steer nor forge lines."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

"""Text lists read strictly: one value a line, and nothing that two programs could read in two ways.

Rules guarded: a byte order mark, UTF-16, NUL, carriage returns, blank lines, spaces at either end of a line and
overlong lines are refused with the number of the line; nothing is trimmed, skipped or guessed. The last line may lack
its newline.
"""

from __future__ import annotations

from kilotar.errors import TheirError

__all__ = ["MAX_LINE_CHARS", "MAX_LIST_BYTES", "strict_lines"]

MAX_LIST_BYTES = 16 << 20
MAX_LINE_CHARS = 16_384
_MARKS = {b"\xef\xbb\xbf": "a UTF-8 byte order mark", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_SPACES = (b" ", b"\t", b"\v", b"\f")
_FIX = "get the file from its publisher again, or save it as plain text with one value a line"


def strict_lines(
    data: bytes, where: str, refused: type[TheirError], *, max_bytes: int = MAX_LIST_BYTES, encoding: str = "ascii"
) -> list[str]:
    """Give the lines of a text list, without their newlines; [] for an empty file.

    Args:
        data:      the whole file.
        where:     its name, for the message.
        refused:   class of error to raise.
        max_bytes: a longer file is refused unread.
        encoding:  "ascii" or "utf-8".
    Raises: `refused`, naming file and line.
    """
    if len(data) > max_bytes:
        raise refused(f"{where} is too long for a list", seen=f"{len(data)} bytes, at most {max_bytes}", fix=_FIX)
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            raise refused(f"{where}, line 1: the file begins with {name}", seen=data[:8].hex(" "), fix=_FIX)
    if _is_plain(data):
        plain = data.decode(encoding).removesuffix("\n").split("\n") if data else []
        if max(map(len, plain), default=0) <= MAX_LINE_CHARS:
            return plain
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [_strict_line(line, f"{where}, line {number}", refused, encoding) for number, line in enumerate(lines, 1)]


def _is_plain(data: bytes) -> bool:
    """Tell whether only the length of a line can be at fault, so that only faulty files pay for a look at each."""
    if not data.isascii() or b"\r" in data or b"\0" in data or b"\n\n" in data or data.startswith(b"\n"):
        return False
    return not any(_is_loose(space, data) for space in _SPACES if space in data)


def _is_loose(space: bytes, data: bytes) -> bool:
    """Tell whether a line begins or ends with this kind of space."""
    return space + b"\n" in data or b"\n" + space in data or data.startswith(space) or data.endswith(space)


def _strict_line(line: bytes, where: str, refused: type[TheirError], encoding: str) -> str:
    shown = repr(line[:60])
    for byte, name in ((b"\0", "a NUL byte"), (b"\r", "a carriage return")):
        if byte in line:
            raise refused(f"{where}: {name}", seen=shown, fix=_FIX)
    if len(line) > MAX_LINE_CHARS:
        raise refused(f"{where}: {len(line)} bytes in one line, at most {MAX_LINE_CHARS}", seen=shown, fix=_FIX)
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError as error:
        raise refused(f"{where}: not {encoding} text", seen=shown, fix=_FIX) from error
    if not text.strip():
        raise refused(f"{where}: the line is blank", seen=shown, fix=_FIX)
    if text != text.strip():
        raise refused(f"{where}: spaces before or after the value", seen=shown, fix=_FIX)
    return text

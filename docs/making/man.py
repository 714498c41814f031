"""The man page, from the command line itself.

Rules guarded: what stands in it is what `--help` says; text is escaped, so that no word of ours is taken for a request.
Source: man(7), man-pages(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kilotar.shell.cli import COMMANDS, build_app

from .commands import _arguments, _field, _function, _is_placed, _kind, _placed_word
from .markdown import described

_MADE = '.\\" made by docs/generate.py'


def man_page(exit_codes: Mapping[int, str]) -> str:
    """Give man/kilotar.1."""
    lines = [
        _MADE,
        '.TH KILOTAR 1 "" "kilotar" "User Commands"',
        ".SH NAME",
        "kilotar \\- one command to a verified ImageNet that your trainer can read",
        ".SH SYNOPSIS",
        ".B kilotar",
        ".I COMMAND",
        "[\\fIOPTIONS\\fR]",
        ".SH DESCRIPTION",
        "Fetches ImageNet (ILSVRC2012) from Academic Torrents or reads it from your disk, verifies every byte, and",
        "writes the formats that trainers read. The same command again goes on where it was stopped.",
        ".SH COMMANDS",
        *_commands(),
        ".SH EXIT STATUS",
        *(line for code, text in exit_codes.items() for line in (".TP", f".B {code}", roff(text))),
        ".SH ENVIRONMENT",
        roff("Every flag is also a variable, KILOTAR_ and its name in capitals (KILOTAR_JOBS=4 for --jobs 4)."),
        ".SH FILES",
        ".TP",
        ".I ./kilotar.toml",
        roff("Settings: every flag is a key."),
        ".TP",
        ".I ROOT/.kilotar",
        roff("State of a data set."),
    ]
    return "\n".join(lines) + "\n"


def roff(text: str) -> str:
    """Give text on one line that roff prints as it is."""
    one_line = " ".join(text.replace("`", "").split())
    escaped = one_line.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("~", "\\(ti")
    escaped = escaped.replace("^", "\\(ha").encode("ascii", "xmlcharrefreplace").decode("ascii")
    escaped = re.sub(r"&#(\d+);", lambda found: f"\\[u{int(found[1]):04X}]", escaped)
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def _commands() -> Iterator[str]:
    app = build_app()
    for where, what in COMMANDS:
        name = where.partition(":")[2]
        arguments, helps = _arguments(app[name]), described(_function(app, name))
        words = " ".join(["kilotar", name, *(_placed_word(one) for one in arguments if _is_placed(one))])
        yield from (f".SS {roff(words)}", roff(what))
        for one in arguments:
            names = [each for each in one.names if each.startswith("-") and each not in one.negatives]
            word = _field(one).upper() if _is_placed(one) else ", ".join(names)
            choices = "|".join(str(choice) for choice in one.get_choices() or () if choice)
            kind = "" if _is_placed(one) else choices or _kind(one)
            help_ = helps.get(_field(one)) or one.parameter.help or ""
            yield from (".TP", f".B {roff(word)}" + (f" \\fI{roff(kind)}\\fR" if kind else ""), roff(help_) or "\\&")

"""Record a real session of kilotar and draw it as docs/session.svg; run by hand: `python docs/record.py`.

Rules guarded: every frame is what a terminal showed, when it showed it; nothing is drawn by hand. Where an SVG is
not played, its last frame stands.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 134, 46
COMMAND = ["kilotar", "demo", "demo"]
FRAME_S = 0.1
LAST_S = 6.0  # how long the end stands before it begins again
TARGET = Path(__file__).resolve().parent / "session.svg"


def play(folder: Path) -> Iterator[tuple[float, bytes]]:
    """Run the command in a terminal; give what it writes, and when, in seconds."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        os.execvp(COMMAND[0], COMMAND)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    began = time.monotonic()
    while select.select([terminal], [], [], 60)[0]:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        yield time.monotonic() - began, data
    os.waitpid(child, 0)


def frames(written: Iterator[tuple[float, bytes]]) -> list[tuple[float, list[Text]]]:
    """Give the screens that differ, each with the time at which it stood first."""
    screen = pyte.HistoryScreen(COLUMNS, ROWS, history=500)
    stream = pyte.ByteStream(screen)
    shown: list[tuple[float, list[Text]]] = [(0.0, [_prompt()])]
    for at_s, data in written:
        stream.feed(data)
        lines = [_prompt(), *_lines(screen)][-ROWS:]
        if at_s - shown[-1][0] >= FRAME_S:
            shown.append((at_s, lines))
        else:
            shown[-1] = (shown[-1][0], lines)
    return shown


def _prompt() -> Text:
    return Text.assemble(("$ ", "green"), " ".join(COMMAND))


def _lines(screen: pyte.HistoryScreen) -> list[Text]:
    """Give the lines above the screen and on it, down to the last that is not empty."""
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(screen.lines))]
    lines = [_line(row) for row in rows]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def _line(row: dict[int, pyte.screens.Char]) -> Text:
    text = Text()
    for column in range(COLUMNS):
        char = row[column]
        colour = "" if char.fg == "default" else f"#{char.fg}" if re.fullmatch("[0-9a-f]{6}", char.fg) else char.fg
        style = " ".join(filter(None, ["bold" if char.bold else "", colour.replace("brown", "yellow")]))
        text.append(char.data, style)
    text.rstrip()
    return text


def draw(shown: list[tuple[float, list[Text]]]) -> str:
    """Give one SVG in which the frames follow one another as they did."""
    height = max(len(lines) for _, lines in shown)
    drawn = [_draw(lines, height) for _, lines in shown]
    matrix = re.compile(r'(<g class="[^"]*-matrix">)(.*?)(</g>\s*</g>\s*</svg>)', re.DOTALL)
    styles, bodies = [], []
    for at, svg in enumerate(drawn):
        own = re.sub(r"\bs-r(\d+)", rf"s-{at}-r\1", svg)  # colours are numbered anew in each frame
        styles += re.findall(r"\.s-\d+-r\d+ \{[^}]*\}", own)
        found = matrix.search(own)
        assert found, "rich draws its SVG in another way than this release did"
        bodies.append(found[2])
    total = shown[-1][0] + LAST_S
    groups, rules = [], []
    for at, body in enumerate(bodies):
        start = shown[at][0] / total * 100
        end = shown[at + 1][0] / total * 100 if at + 1 < len(bodies) else 100.0
        rules.append(f"@keyframes f{at} {{0%,{end:.3f}%,100%{{opacity:0}} {start:.3f}%{{opacity:1}}}}")
        rest = 1 if at + 1 == len(bodies) else 0
        groups.append(f'<g style="opacity:{rest};animation:f{at} {total:.1f}s step-end infinite">{body}</g>')
    rules[-1] = f"@keyframes f{len(bodies) - 1} {{0%{{opacity:0}} {shown[-1][0] / total * 100:.3f}%,100%{{opacity:1}}}}"
    whole = matrix.sub(lambda found: found[1] + "".join(groups) + found[3], drawn[-1])
    return whole.replace("</style>", "\n".join([*styles, *rules]) + "\n</style>", 1)


def _draw(lines: list[Text], height: int) -> str:
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        for line in [*lines, *[Text()] * (height - len(lines))]:
            console.print(line, soft_wrap=True)
        return console.export_svg(title="", unique_id="s")


def main() -> None:
    if not shutil.which(COMMAND[0]):
        sys.exit("kilotar is not on PATH")
    with tempfile.TemporaryDirectory(prefix="") as folder:  # its name is in the picture
        TARGET.write_text(draw(frames(play(Path(folder)))), encoding="utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

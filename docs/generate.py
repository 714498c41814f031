"""Write the pages of docs/ that are made of the source: errors, messages, commands, formats, library, JSON.

Rules guarded: `tests/test_docs.py` fails when a page is not what this would write, or when a code has no advice here.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from kilotar.errors import KilotarError
from kilotar.model.explanations import EXPLANATIONS

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))  # for `making`, which is no package that anybody installs

from making import api, commands, editions, formats, man, messages, schemas  # noqa: E402
from making.markdown import MADE  # noqa: E402

EXIT_CODES = {
    0: "done, or nothing was to be done",
    1: "a bug of kilotar",
    2: "the command line is wrong",
    3: "checked to the end, and problems were found",
    4: "network or peers; trying again makes sense, and what has arrived is kept",
    5: "the disk, its rights or limits, or a process of this machine",
    6: "a decision is needed (terms, overwriting) and nobody could be asked",
    7: "a package or program is missing",
    8: "data refused: not the published file, damaged, hostile, or not understood",
    9: "settings or input differ from those the work was begun with",
    75: "another run is at work in this folder",
    130: "interrupted with Ctrl-C; the same command goes on",
    143: "terminated (SIGTERM); the same command goes on",
}

# What a person does about a code. One entry a code, in the order of the tree.
ADVICE = {
    "E-USAGE": """
Compare with `kilotar COMMAND --help`. A name that is nearly right is answered with the near ones.""",
    "E-DECISION": """
Give the answer as a flag: `--accept-terms` if you have the right to use ImageNet and accept its terms. There is no
flag that answers everything with yes.""",
    "E-EXTRA": """
Install what the message names; extras go in with `pip install 'kilotar[NAME]'`.""",
    "E-SETTINGS": """
The output was begun with other settings. Run the command as it was first run, or choose another folder;
`kilotar why` shows what differs.""",
    "E-BUSY": """
Wait for the other run, or stop it; `kilotar status` shows it. It loses nothing when it is stopped.""",
    "E-ARCHIVE": """
The archive is damaged, cut short, or not of the kind it should be; the message has the offset. Compare its size with
`kilotar archives` and get it again. A page of text in place of an archive is a failed download.""",
    "E-DIGEST": """
The file has another size or digest than the published one. Get it again. If you know why it differs (a repacked copy),
`--unverified` takes it; that is written into the report and the manifest for good.""",
    "E-LABELS": """
The development kit does not say what the published one says, or its labels contradict themselves; the message has the
line. Leave the kit out: all labels are bundled with kilotar.""",
    "E-BOXES": """
The archive of bounding boxes is damaged or not of the kind it should be. Get it again, or leave out `--boxes`.""",
    "E-EDITION": """
The edition file is incomplete or contradicts itself; the message names the key.""",
    "E-LAYOUT": """
The folder is not what the command expects there; the message says what was looked for.""",
    "E-TORRENT": """
The file is not the .torrent of this archive, or a page of text came in its place (a log-in page, a proxy's error). Get
it again from the archive's page and give it with `--torrent FILE`.""",
    "E-PROBLEMS": """
The check found problems: they are listed in the report. `kilotar verify ROOT --repair` rewrites bad files.""",
    "E-DISK": """
Make room and run the same command again. `--dry-run` shows how many bytes are needed at the most.""",
    "E-INODES": """
The file system cannot hold so many files, whatever its free bytes. Use another one, or fewer `--classes`.""",
    "E-QUOTA": """
Ask for more quota, or choose a root elsewhere; then run the same command again.""",
    "E-READONLY": """
Mount the file system for writing, or choose another root. Linux makes a disk that fails read-only: see `dmesg`.""",
    "E-PERM": """
Give this user the right to the file that the message names, or choose another root.""",
    "E-FILELIMIT": """
Raise the limit that the message names (`ulimit -f`, `ulimit -n`) and run the same command again.""",
    "E-MEMORY": """
Give the program more memory, or use fewer workers with `-j`; then run the same command again.""",
    "E-IO": """
Read `dmesg` and `smartctl`: the disk may be failing. Then run the same command again; nothing finished is lost.""",
    "E-WORKER": """
Worker processes died again and again, often for want of memory: use fewer of them with `-j`, and run it again.""",
    "E-PEERS": """
No byte comes from other peers and no web source has the rest. `kilotar doctor` shows the first broken link: a network
that blocks BitTorrent is usual at universities and companies. Try `--from http`, `--proxy`, or get the archive
elsewhere and `kilotar adopt` it.""",
    "E-HTTP": """
The web server could not be reached or did not give the archive; the message has its answer. A log-in page needs
`--cookie` or `--header`. What has arrived is kept.""",
    "E-METADATA": """
The .torrent could not be had from the site nor from the swarm. Save it with a browser and give it with
`--torrent FILE`.""",
    "E-CLIENT": """
The download program that `--client` names ended or did not answer; its own words are in the message. Leave `--client`
out to use the built-in one.""",
    "E-STORE": """
A store of objects did not answer, or refused: there is no such bucket, the credentials have not the right to put and
get objects, or the bucket lies in another region. What was put counts; the same command goes on from there.""",
    "E-BUG": """
Run it again with `--debug`, and report what it prints.""",
}


def error_classes(root: type[KilotarError] = KilotarError) -> Iterator[type[KilotarError]]:
    """Give the classes that have a code of their own, in the order of the tree."""
    if "code" in vars(root) and root is not KilotarError:
        yield root
    for kind in root.__subclasses__():
        yield from error_classes(kind)


def errors_page() -> str:
    """Give docs/errors.md."""
    rows = [
        "# Errors and exit codes",
        MADE,
        "An error is four lines: what failed, the evidence, what to try, and where the log is. Its code never changes\n"
        "its meaning. Everything finished before an error is kept: the same command goes on from there.",
        "| exit | meaning |\n| ---: | --- |\n" + "\n".join(f"| {code} | {text} |" for code, text in EXIT_CODES.items()),
    ]
    for kind in error_classes():
        rows += [f"## {kind.code}", f"{inspect.getdoc(kind)} Exit code {kind.exit_code}.", ADVICE[kind.code].strip()]
    return "\n\n".join(rows) + "\n"


def explanations_page() -> str:
    """Give docs/explanations.md."""
    rows = [
        "# What download clients say, and what it means",
        MADE,
        "`kilotar doctor --explain all` says the same; [download.md](download.md) has what kilotar does about it.",
    ]
    for one in EXPLANATIONS:
        rows += [f"## {one.title} ({one.topic})", *(textwrap.fill(text, 120) for text in one.paragraphs)]
    return "\n\n".join(rows) + "\n"


def advice(code: str) -> str:
    """Give what a person does about a code."""
    return ADVICE[code].strip()


def readme() -> str:
    """Give README.md as it is, with the table of formats as they are."""
    return formats.readme((DOCS.parent / "README.md").read_text("utf-8"))


PAGES: dict[str, Callable[[], str]] = {
    "../README.md": readme,
    "../man/kilotar.1": partial(man.man_page, EXIT_CODES),
    "errors.md": errors_page,
    "formats.md": formats.formats_page,
    "explanations.md": explanations_page,
    "reference/commands.md": commands.commands_page,
    "reference/messages.md": partial(messages.messages_page, advice),
    "reference/json.md": schemas.schemas_page,
    "reference/report.schema.json": schemas.report_schema,
    "reference/event.schema.json": schemas.event_schema,
    "reference/editions.md": editions.editions_page,
    "reference/python.md": api.api_page,
    **{name: partial(str, text) for name, text in formats.format_pages().items()},
}


def main() -> None:
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()

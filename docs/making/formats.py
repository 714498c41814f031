"""Pages of formats: one that lists all, and one a format, from what each says of itself.

Rules guarded: a new format has its pages without a word here; words on when to use it are added in `format_words`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from kilotar.sinks.base import ShardOptions, Sink, find_sinks

from .format_words import WORDS
from .markdown import MADE, cell, described, flat, table

_TREES = Path(__file__).resolve().parent.parent / "formats" / "trees"
_PROJECT = Path(__file__).resolve().parent.parent.parent / "pyproject.toml"
_LED = re.compile(r"(?:(?:^|; )[^;]*(?<!Source): |(?<=Source: ))see `kilotar\.sinks\.\w+`(?:; |\.|$)")
_DISTRIBUTIONS = {"google_crc32c": "google-crc32c", "lance": "pylance"}  # import name to package


def formats_page() -> str:
    """Give docs/formats.md."""
    rows = [
        "# Formats",
        MADE,
        "`kilotar prepare ROOT --for NAME,...` writes them, several from one read of the archives; `kilotar export "
        "ROOT NAME` adds one later.\nWhich to take: [formats compared](why/formats.md).",
        table(
            ["format", "what", "read by"],
            [
                [f"[`{one.ABOUT.name}`](formats/{one.ABOUT.name}.md)", cell(one.ABOUT.summary), cell(one.ABOUT.reader)]
                for one in find_sinks()
            ],
        ),
        "## Order, seed and number of shards",
        "Every format of shards has these options; `kilotar export` has them as `--order`, `--seed` and `--shards`, "
        "for all formats of\none command.",
        table(["option", "meaning"], [[f"`{name}`", cell(text)] for name, text in described(ShardOptions).items()]),
    ]
    return "\n\n".join(rows) + "\n"


def readme(text: str) -> str:
    """Give the README with its table of formats written anew."""
    rows = [
        [
            f"[`{one.ABOUT.name}`](docs/formats/{one.ABOUT.name}.md)",
            f"`{_call(one)}`" if one.ABOUT.snippet else _who(one),
        ]
        for one in find_sinks()
    ]
    begin, end = "<!-- formats -->", "<!-- /formats -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{table(['format', 'read by'], rows)}\n{end}{rest.partition(end)[2]}"


def _call(sink: Sink) -> str:
    folder = "imagenet" if sink.ABOUT.folder == "." else f"imagenet/{sink.ABOUT.folder}"
    return sink.ABOUT.snippet.format(folder=folder).replace("|", "\\|")


def _who(sink: Sink) -> str:
    return cell(sink.ABOUT.reader)


def format_pages() -> dict[str, str]:
    """Give a page for each format, by its path below docs/."""
    return {f"formats/{one.ABOUT.name}.md": "\n\n".join(_page(one)) + "\n" for one in find_sinks()}


def _page(sink: Sink) -> Iterator[str]:
    about = sink.ABOUT
    doc = _doc(sink.__name__)  # type: ignore[attr-defined]
    yield f"# {about.name}"
    yield MADE
    yield f"{_capital(about.summary)}."
    if about.reader:
        yield f"**Read by** {about.reader}."
    if about.name in WORDS:
        yield "## When to use it"
        yield WORDS[about.name].strip()
    yield "## Write it"
    if about.needs:
        yield f"Needs {' and '.join(about.needs)}: {_install(about.needs)}."
    boxes = " --boxes" if about.boxes else ""
    yield (
        "<!-- given: prepared -->\n```console\n"
        f"$ kilotar export ~/imagenet {about.name}{boxes}\n$ kilotar verify ~/imagenet --quick\n```"
    )
    yield (
        f"Or with the download, in the same pass: `kilotar prepare ~/imagenet --from torrent --accept-terms --for "
        f"{about.name}{boxes}`."
    )
    yield from _options(sink)
    yield "## What is there"
    place = "in the root itself" if about.folder == "." else f"in `ROOT/{about.folder}`"
    yield f"It lies {place}; `--out` puts it elsewhere."
    yield from _layout(doc)
    if (tree := _TREES / f"{about.name}.txt").is_file():
        yield "After `kilotar export` of the [tiny ImageNet](../tutorial.md) (10 classes, 250 images):"
        yield f"```text\n{tree.read_text('utf-8').rstrip()}\n```"
    if about.snippet:
        yield "## Read it"
        folder = "imagenet" if about.folder == "." else f"imagenet/{about.folder}"
        yield f"```python\n{about.snippet.format(folder=folder)}\n```"
    yield "## What holds"
    yield from _rules(doc)
    if about.stamped:
        yield f"Bytes are the same on every machine for the same release of {about.stamped}."
    yield "`kilotar verify ~/imagenet` checks every byte of it: [verify](../steps/09-verify.md)."


def _doc(name: str) -> str:
    """Give the docstring of a module, with those of the modules below that it leads to behind it."""
    doc = inspect.getdoc(importlib.import_module(name)) or ""
    led = re.findall(r"see `(kilotar\.sinks\.\w+)`", doc)
    return "\n\n".join([doc, *(inspect.getdoc(importlib.import_module(other)) or "" for other in led)])


def _capital(text: str) -> str:
    text = text.rstrip(".")
    return text[0].upper() + text[1:]


def _install(needs: tuple[str, ...]) -> str:
    """Give the line that installs what a format needs, by the extra of the project that has all of it."""
    extras = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["optional-dependencies"]
    wanted = {_DISTRIBUTIONS.get(need, need) for need in needs}
    fitting = (name for name, packages in extras.items() if wanted <= {_bare(package) for package in packages})
    return f"`pip install 'kilotar[{next(fitting)}]'`"


def _bare(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def _options(sink: Sink) -> Iterator[str]:
    said = described(sink.Options)
    rows = []
    for field in fields(sink.Options):
        default = field.default
        word = {True: "yes", False: "no"}.get(default, str(default)) if isinstance(default, bool) else str(default)
        rows.append([f"`{sink.ABOUT.name}.{field.name}`", f"`{word}`" if word else "", cell(said.get(field.name, ""))])
    if rows:
        yield table(["`--option`", "default", "meaning"], rows)


def _layout(doc: str) -> Iterator[str]:
    """Give the drawn layout of a module's docstring as a block."""
    drawn = re.search(r"::\n\n((?: {4}.*\n|\n)+)", doc + "\n")
    if drawn:
        yield f"```text\n{textwrap.dedent(drawn[1]).strip()}\n```"


def _rules(doc: str) -> Iterator[str]:
    """Give what a module's docstring promises and where its form comes from."""
    for part in re.split(r"\n\n+|\n(?=Source: )", doc)[1:]:
        text = _LED.sub("", flat(part))  # where it leads to stands behind
        if part.startswith(" ") or text in {"::", ""}:
            continue
        if text.startswith("Rules guarded: "):
            listed, dot, rest = text.removeprefix("Rules guarded: ").partition(". ")
            yield "\n".join(f"- {one.rstrip('.')}" for one in listed.split("; "))
            if dot:
                yield rest
        elif text.startswith("Source: "):
            yield f"Written after: {text.removeprefix('Source: ')}"
        else:
            yield text

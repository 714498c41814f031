"""Where a flag's value comes from when the command line does not say: environment, then TOML files, then the default.

Rules guarded: the order is flag, `KILOTAR_<FLAG>`, ./kilotar.toml (or `--config FILE`), the user's kilotar.toml,
default; a key that no command knows is a usage error with the near misses, never ignored; an empty variable is
no value. A file holds flags at its top level, for every command that has them, and in a table named as a command,
for that one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cyclopts import App, Argument, ArgumentCollection, Token

from kilotar.errors import UsageError, storage_error

__all__ = ["Settings"]

PREFIX = "KILOTAR_"
FILE = "kilotar.toml"
MAX_BYTES = 1 << 20

Table = Mapping[str, Any]  # what tomllib gives: keys are the file's, values any TOML type


class Settings:
    """A cyclopts configuration source: fills arguments that have no value yet.

    Args:
        root: the app, whose commands say which keys there are.
    """

    def __init__(self, root: App) -> None:
        self._root = root

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        flags = _flags(arguments)
        _fill(flags, "environment", _from_environment(flags, os.environ))
        config = flags.get("config")
        chosen = config.tokens[0].value if config and config.tokens else ""
        for path, must_exist in _files(chosen):
            table = _read_toml(path, must_exist)
            self._check_keys(path, table)
            _fill(flags, str(path), {**_plain_keys(table), **_section(table, commands[-1] if commands else "")})

    def _check_keys(self, path: Path, table: Table) -> None:
        if not table:
            return
        commands = [name for name in self._root if not name.startswith("-")]
        everywhere: set[str] = set()
        for command in commands:
            own = set(_flags(self._root[command].assemble_argument_collection()))
            everywhere |= own
            _refuse_unknown(path, f"[{command}] ", _section(table, command), own)
        _refuse_unknown(path, "", _plain_keys(table), everywhere)
        _refuse_unknown(path, "", {k: v for k, v in table.items() if isinstance(v, dict)}, set(commands))


def _flags(arguments: ArgumentCollection) -> dict[str, Argument]:
    return {
        name[2:]: argument
        for argument in arguments
        for name in argument.names
        if name.startswith("--") and name not in argument.negatives
    }


def _files(chosen: str) -> Iterator[tuple[Path, bool]]:
    yield (Path(chosen).expanduser(), True) if chosen else (Path(FILE), False)
    import platformdirs  # here, because --help must not wait for it

    yield platformdirs.user_config_path("kilotar") / FILE, False


def _plain_keys(table: Table) -> Table:
    return {key: value for key, value in table.items() if not isinstance(value, dict)}


def _section(table: Table, command: str) -> Table:
    section = table.get(command, {})
    return section if isinstance(section, dict) else {}


def _fill(flags: Mapping[str, Argument], source: str, values: Table) -> None:
    for flag, value in values.items():
        argument = flags.get(flag)
        if argument is None or argument.tokens:
            continue
        for at, word in enumerate(value if isinstance(value, list) else [value]):
            text = str(word).lower() if isinstance(word, bool) else str(word)
            argument.append(Token(keyword=f"--{flag} ({source})", value=text, source=source, index=at))


def _from_environment(flags: Mapping[str, Argument], environment: Mapping[str, str]) -> Table:
    named = {flag: environment.get(PREFIX + flag.upper().replace("-", "_"), "") for flag in flags}
    return {flag: value for flag, value in named.items() if value}


def _read_toml(path: Path, must_exist: bool) -> Table:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if must_exist:
            raise UsageError(f"there is no settings file {path}", fix="give --config a file that exists") from error
        return {}
    except OSError as error:
        raise storage_error(error, f"read the settings file {path}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"settings file {path} is larger than {MAX_BYTES} bytes")
    import tomllib  # here, because most runs have no such file

    try:
        table = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"settings file {path} is not TOML", seen=str(error)) from error
    return {key.replace("_", "-"): _dashed(value) for key, value in table.items()}


def _dashed(value: Any) -> Any:
    return {key.replace("_", "-"): item for key, item in value.items()} if isinstance(value, dict) else value


def _refuse_unknown(path: Path, where: str, table: Table, known: set[str]) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=3)
            raise UsageError(
                f"settings file {path}: {where}{key} is not a setting",
                seen=f"did you mean {' or '.join(near)}?" if near else "",
                fix="kilotar COMMAND --help lists the flags; each is a key",
            )

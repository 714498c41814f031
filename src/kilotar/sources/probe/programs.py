"""What runs here: Python, C library, libtorrent, root certificates, extras, proxies of the environment.

Rules guarded: nothing is imported that is only looked for, except libtorrent, which may be installed and not load;
passwords of proxies are cut.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Mapping

from kilotar.errors import MissingExtra
from kilotar.model.checkup import ExtraFact
from kilotar.sources.torrent.library import libtorrent

__all__ = ["extras", "glibc_version", "libtorrent_version", "proxies", "python_version", "system_name"]

PACKAGE = "kilotar"
MODULES = {"google-crc32c": "google_crc32c", "array-record": "array_record", "cykooz-resizer": "cykooz"}
NOT_FOR_USERS = {"dev", "interop", "standard"}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*;.*\bextra\s*==\s*['\"]([a-z-]+)['\"]")
_PROXY = re.compile(r"(all|https?|no)_proxy", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=//)[^/@]*@|^[^/@]*@")


def python_version() -> str:
    build = "" if sys.implementation.name == "cpython" else f" ({sys.implementation.name})"
    return f"{platform.python_version()}{build}"


def glibc_version() -> str:
    """Give the version of the GNU C library, "" where another is in use."""
    name, version = platform.libc_ver()
    return version if name == "glibc" else ""


def system_name() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def libtorrent_version() -> str:
    """Give the version of libtorrent as it loads here, "" where it does not."""
    try:
        return str(libtorrent().__version__)
    except MissingExtra:
        return ""


def extras() -> tuple[ExtraFact, ...]:
    """Give the extras of the installed package, with what each lacks. Source: the package's own metadata."""
    try:
        lines = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return ()
    wanted: dict[str, list[str]] = {}
    for line in lines:
        found = _REQUIREMENT.match(line)
        if found and found[2] not in NOT_FOR_USERS:
            wanted.setdefault(found[2], []).append(found[1])
    return tuple(_extra(name, packages) for name, packages in sorted(wanted.items()))


def _extra(name: str, packages: list[str]) -> ExtraFact:
    missing = tuple(package for package in packages if not _is_there(package))
    return ExtraFact(name, missing, f"pip install '{PACKAGE}[{name}]'" if missing else "")


def _is_there(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return importlib.util.find_spec(MODULES.get(package, package.replace("-", "_"))) is not None
    return True


def proxies(environment: Mapping[str, str] = os.environ) -> tuple[tuple[str, str], ...]:
    """Give the variables that name a proxy, without user and password."""
    found = ((name, value) for name, value in environment.items() if _PROXY.fullmatch(name) and value)
    return tuple(sorted((name, _LOGIN.sub("***@", value)) for name, value in found))

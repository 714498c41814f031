"""Ask for each extra whether all of it installs from wheels, on every system that is served. Nothing is installed.

    .ci/wheels

The systems: glibc 2.27 (Ubuntu 18.04), for which Pillow and numpy have wheels of exactly that, so one
release can end it; Linux of today; aarch64; macOS. What is known to have no wheel stands in .ci/no-wheels.tsv with its
reason: it is left out and shown in the table. What is new there fails, and so does a line that is no longer true.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = "3.12"
TAGS = [*(f"_2_{minor}" for minor in range(27, 4, -1)), "2014", "2010", "1"]
UV = {
    "linux": "x86_64-unknown-linux-gnu",
    "aarch64": "aarch64-unknown-linux-gnu",
    "macos15": "aarch64-apple-darwin",
}
SYSTEMS = ("glibc2.27", *UV)
NOT_FOR_USERS = {"dev", "interop"}


def read_extras() -> dict[str, list[str]]:
    """Give the requirements of each extra, those of everybody under "-"; an extra of extras is taken apart."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {name: lines for name, lines in project["optional-dependencies"].items() if name not in NOT_FOR_USERS}
    found = {"-": project["dependencies"]}
    for name, lines in extras.items():
        others = [other for line in lines if line.startswith("kilotar[") for other in line[8:-1].split(",")]
        own = [line for line in lines if not line.startswith("kilotar[")]
        found[name] = [*project["dependencies"], *own, *(line for other in others for line in extras[other])]
    return found


def read_known() -> dict[tuple[str, str], str]:
    """Give why a package has no wheel, by system and package."""
    rows = (line.split("\t") for line in (HERE / "no-wheels.tsv").read_text("utf-8").splitlines()[1:])
    return {(system, package): reason for system, package, reason in rows}


def package_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def resolve(system: str, requirements: list[str]) -> str:
    """Give "" where everything has a wheel, else what the resolver says."""
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch, "wanted.txt")
        wanted.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
        if system in UV:
            command = ["uv", "pip", "compile", "--quiet", "--python-platform", UV[system], str(wanted)]
            command += ["--output-file", str(Path(scratch, "locked.txt"))]
        else:
            command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check"]
            command += ["--ignore-installed", "--target", scratch, "--requirement", str(wanted)]
            command += [word for tag in TAGS for word in ("--platform", f"manylinux{tag}_x86_64")]
        ended = subprocess.run(
            [*command, "--only-binary", ":all:", "--python-version", PYTHON],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "15.0"},
        )
    return "" if ended.returncode == 0 else (ended.stderr or "failed").strip()[-1500:]


def look(system: str, extras: dict[str, list[str]], known: dict[tuple[str, str], str]) -> tuple[dict[str, str], int]:
    """Give the cells of a system by extra, and the number of failures."""
    failures, cells = 0, {}
    left_out = {package for at, package in known if at == system}
    every = {line for lines in extras.values() for line in lines}
    for line in sorted(line for line in every if package_of(line) in left_out):
        if not resolve(system, [line]):
            failures += 1
            print(f"{line} has a wheel for {system} now: strike it out of .ci/no-wheels.tsv", file=sys.stderr)
    all_at_once = resolve(system, sorted(line for line in every if package_of(line) not in left_out))
    for extra, lines in extras.items():
        missing = sorted({package_of(line) for line in lines} & left_out)
        why = all_at_once and resolve(system, [line for line in lines if package_of(line) not in left_out])
        cells[extra] = "NO" if why else f"but {', '.join(missing)}" if missing else "yes"
        if why:
            failures += 1
            print(f"{system}, {extra}: {why}", file=sys.stderr)
    return cells, failures


def main() -> int:
    extras, known = read_extras(), read_known()
    looked = {system: look(system, extras, known) for system in SYSTEMS}
    print("extra".ljust(14) + "".join(system.ljust(24) for system in SYSTEMS))
    for extra in extras:
        print(extra.ljust(14) + "".join(looked[system][0][extra].ljust(24) for system in SYSTEMS).rstrip())
    for (system, package), reason in known.items():
        print(f"{package} on {system}: {reason}")
    failures = sum(count for _, count in looked.values())
    print(f"wheels: {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m kilotar` and the `kilotar` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from kilotar.shell.cli import main as run  # here, so that Ctrl-C while it loads is no traceback either

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()

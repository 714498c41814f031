"""The shim itself: it sees every call that changes something, and counts each once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.shim import Fault
from tests.need import need, need_tool

# Names of calls as the kernel has them, and the one under which the shim counts them.
CALLS = {
    "write": "write pwrite64 writev pwritev pwritev2",
    "copy_file_range": "copy_file_range",
    "sendfile": "sendfile",
    "fsync": "fsync",
    "fdatasync": "fdatasync",
    "syncfs": "syncfs",
    "ftruncate": "ftruncate",
    "fallocate": "fallocate",
    "open": "open openat openat2 creat",
    "rename": "rename renameat renameat2",
    "link": "link linkat",
    "unlink": "unlink unlinkat",
    "rmdir": "rmdir",
    "mkdir": "mkdir mkdirat",
}
NEVER = "truncate symlink symlinkat mknod mknodat chmod fchmod fchmodat chown fchown utimensat setxattr io_uring_setup"
SHIM_NAME = {call: name for name, calls in CALLS.items() for call in calls.split()}


def test_every_call_of_a_run_that_changes_something_is_counted(bench: Bench, library: Path, tmp_path: Path) -> None:
    """strace and the shim look at one run and must agree."""
    bench.clear()
    counted, traced = tmp_path / "counted", tmp_path / "traced"
    setting = Fault(trace=True).environment(library, str(bench.root), str(counted))
    given = [word for name, value in setting.items() for word in ("-E", f"{name}={value}")]
    calls = ",".join([*SHIM_NAME, *NEVER.split()])
    line = [need_tool("strace"), "-f", "-qq", "-y", "-s", "0", "-o", traced, "-e", f"trace=?{calls.replace(',', ',?')}"]
    command = [*map(str, [*line, *given]), sys.executable, "-m", "kilotar", *map(str, bench.words)]
    done = subprocess.run(command, capture_output=True, text=True)
    need(f"the right to trace ({done.stderr.strip()[-80:]})", "ptrace" not in done.stderr)
    assert done.returncode == 0, done.stderr

    seen = Counter(line.split()[1] for line in counted.read_text().splitlines())
    assert seen == Counter(calls_below(bench.root, traced.read_text()))
    assert sum(seen.values()) > 200
    shutil.rmtree(bench.root)


def calls_below(root: Path, trace: str) -> list[str]:
    """Give the changing calls below a root, under the shim's names."""
    found = []
    for line in trace.splitlines():
        matched = re.match(r"\d+ +(\w+)\((.*)", line)
        if matched is None or str(root) not in matched[2]:
            continue
        call, rest = matched[1], matched[2]
        assert call in SHIM_NAME, f"nobody counts {line}"
        if SHIM_NAME[call] == "open" and not re.search("O_CREAT|O_TRUNC|O_TMPFILE", rest):
            continue
        found.append("rmdir" if call == "unlinkat" and "AT_REMOVEDIR" in rest else SHIM_NAME[call])
    return found

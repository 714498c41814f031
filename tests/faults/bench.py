"""A root that is prepared under faults, and everything that must hold of it: while it is broken, and afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from kilotar.editions.tiny import Tiny
from tests.faults.shim import Ended, Fault, Runner

__all__ = ["FORMATS", "Bench", "Tree", "read_tree", "refuse_bugs"]

FORMATS = "imagefolder,cls-loc,lists"
Tree = dict[str, tuple[str, int]]
_VOLATILE = ("report.json", "verify.json")  # they hold durations
_JOURNALS = (".jsonl", ".rows", "outline.json", "lock")  # their order and inodes are each run's own
_CODE_OF = {5: "E-IO", 28: "E-DISK", 30: "E-READONLY", 122: "E-QUOTA"}


def read_tree(root: Path) -> Tree:
    """Give SHA-256 and mode of every file below a root by its path; "" for what differs from run to run."""
    found: Tree = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            inside = str(path.relative_to(root))
            if inside.startswith(".kilotar/log/") or inside.endswith(".cut"):
                continue
            own = inside in _VOLATILE or (inside.startswith(".kilotar/") and inside.endswith(_JOURNALS))
            found[inside] = ("" if own else hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
    return found


def refuse_bugs(ended: Ended) -> None:
    """A run may die or be refused, but never hang, nor end in a traceback or a bug of ours."""
    assert not ended.hung, ended.hit
    assert "Traceback" not in ended.err, ended.err
    assert ended.code in (-9, 0, 3, 5, 6, 8, 9), (ended.code, ended.err)


class Bench:
    """One root, made anew for each fault."""

    def __init__(self, runner: Runner, root: Path, tiny: Tiny) -> None:
        self.runner = runner
        self.root = root
        self.tiny = tiny
        self.words = ("prepare", root, "--from", tiny.folder, "--edition", tiny.toml, "--for", FORMATS, "--boxes")
        self.words += ("-j", "2", "-q")
        self.undisturbed = self._prepare_undisturbed()

    def _prepare_undisturbed(self) -> Tree:
        self.clear()
        ended = self.prepare()
        assert ended.code == 0, ended.err
        self.calls = ended.calls
        return read_tree(self.root)

    def clear(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def prepare(self, fault: Fault = Fault(), mutant: str = "", kill_after_s: float = 0.0) -> Ended:
        return self.runner.run(*self.words, fault=fault, mutant=mutant, kill_after_s=kill_after_s)

    def break_and_mend(self, fault: Fault, mutant: str = "") -> Ended:
        """Prepare under a fault, look at what it left, prepare again without, look again; give the first end."""
        self.clear()
        broken = self.prepare(fault, mutant)
        refuse_bugs(broken)
        if broken.code > 0:
            expected = f"error {_CODE_OF[fault.number]}:"
            assert broken.code == 5 and expected in broken.err, (broken.hit, broken.err)
        if broken.code == 0:
            self.look_at_whole()
        else:
            self.look_at_broken()
        self.mend(mutant)
        return broken

    def mend(self, mutant: str = "") -> None:
        """The same command again makes everything right."""
        again = self.prepare(mutant=mutant)
        assert again.code == 0, again.err
        self.look_at_whole()
        checked = self.runner.run("verify", self.root, "-q")
        assert checked.code == 0, checked.out + checked.err

    def look_at_broken(self) -> None:
        """Whatever stands under a final name is whole."""
        for path, fact in read_tree(self.root).items():
            is_ours = path.startswith(".kilotar") or "/.kilotar-" in path or path.endswith(".part")
            if not is_ours:
                assert path in self.undisturbed, f"{path} stands in the open"
                assert self.undisturbed[path][0] in ("", fact[0]), f"{path} stands half-done under its final name"

    def look_at_whole(self) -> None:
        """Nothing is missing, nothing differs, nothing is left over."""
        found = read_tree(self.root)
        assert sorted(found) == sorted([*self.undisturbed, *(p for p in found if p == "verify.json")])
        differing = [path for path in self.undisturbed if found[path] != self.undisturbed[path]]
        assert not differing
        folders = {str(Path(path).parent) for path in found} | {"."}
        empty = [entry for entry in self.root.rglob("*") if entry.is_dir() and not any(entry.iterdir())]
        assert all(str(folder.relative_to(self.root)) == ".kilotar/log" for folder in empty), (folders, empty)

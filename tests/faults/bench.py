"""A root that is prepared under faults, and everything that must hold of it: while it is broken, and afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from kilotar.editions.tiny import Tiny
from tests.faults.shim import NONE, Ended, Fault, Runner

__all__ = ["FORMATS", "Bench", "Harm", "Tree", "read_tree", "refuse_bugs"]

FORMATS = "imagefolder,cls-loc,lists"
Tree = dict[str, tuple[str, int]]
_VOLATILE = ("report.json", "verify.json")  # they hold durations
_JOURNALS = (".jsonl", ".rows", "outline.json", "lock")  # their order and inodes are each run's own
_CODE_OF = {5: "E-IO", 28: "E-DISK", 30: "E-READONLY", 122: "E-QUOTA"}


class Harm(AssertionError):
    """Something is lost, half-done under a final name, or left over."""


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


def refuse_other_names(ended: Ended, fault: Fault) -> None:
    """A failed call is named by its class; nothing else may stop a run."""
    if not fault.number:
        raise Harm(f"refused, though every call did something: {ended.err}")
    assert ended.code == 5 and f"error {_CODE_OF[fault.number]}:" in ended.err, (ended.hit, ended.err)


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

    def prepare(self, fault: Fault = NONE, mutant: str = "", kill_after_s: float = 0.0) -> Ended:
        return self.runner.run(*self.words, fault=fault, mutant=mutant, kill_after_s=kill_after_s)

    def break_and_mend(self, fault: Fault, mutant: str = "") -> Ended:
        """Prepare under a fault, look at what it left, prepare again without, look again; give the first end."""
        self.clear()
        broken = self.prepare(fault, mutant)
        refuse_bugs(broken)
        if broken.code > 0:
            refuse_other_names(broken, fault)
        if broken.code == 0:
            self.look_at_whole()
        else:
            self.look_at_broken()
        self.mend(mutant)
        return broken

    def mend(self, mutant: str = "") -> None:
        """The same command again makes everything right."""
        again = self.prepare(mutant=mutant)
        refuse_bugs(again)
        if again.code != 0:
            raise Harm(f"cannot be mended by the same command: {again.err}")
        self.look_at_whole()
        checked = self.runner.run("verify", self.root, "-q")
        assert checked.code == 0, checked.out + checked.err

    def look_at_broken(self) -> None:
        """Whatever stands under a final name is whole."""
        for path, (digest, _) in read_tree(self.root).items():
            if path.startswith(".kilotar") or "/.kilotar-" in path or path.endswith(".part"):
                continue
            if self.undisturbed.get(path, ("none", 0))[0] not in ("", digest):
                raise Harm(f"{path} stands half-done under its final name")

    def look_at_whole(self) -> None:
        """Nothing is missing but caches, nothing differs, nothing is left over."""
        found = read_tree(self.root)
        found.pop("verify.json", None)
        differing = {path for path in {*self.undisturbed, *found} if found.get(path) != self.undisturbed.get(path)}
        differing -= {path for path in self.undisturbed if path.startswith(".kilotar/index/") and path not in found}
        if differing:
            raise Harm(f"lost, changed or left over: {sorted(differing)}")
        empty = [entry for entry in self.root.rglob("*") if entry.is_dir() and not any(entry.iterdir())]
        if any(".kilotar" not in folder.parts for folder in empty):
            raise Harm(f"empty folders are left over: {empty}")

"""`kilotar` as a person runs it: a process of its own, with what it says in files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.fat import Fat
from tests.peers.lab import OURS, Lab, Peer, until

__all__ = ["INSTALLED", "OFFLINE", "Command", "command", "kilotar"]

OFFLINE = ("--no-dht", "--no-lsd", "--no-upnp", "--allow-private", "--offline", "--interface", OURS)
INSTALLED = ("--allow-private", "--offline")  # what an installed client may be told


@dataclass(slots=True)
class Command:
    """A run of the command line.

    Attributes:
        events_file: one event a line, as it is told.
    """

    peer: Peer
    events_file: Path
    err_file: Path

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Give what it has told so far, all or of one kind."""
        text = self.events_file.read_text("utf-8") if self.events_file.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [event for event in map(json.loads, lines) if kind in ("", event["event"])]

    def landed_bytes(self) -> int:
        """Give how much it has said to be proved."""
        return max((int(event["verified_bytes"]) for event in self.events("Progress")), default=0)

    def troubles(self) -> set[str]:
        return {str(event["kind"]) for event in self.events("Trouble")}

    def brought(self) -> dict[str, int]:
        """Give the bytes by who brought them, out of the last word about them."""
        return {str(name): int(count) for name, count in self.events("Progress")[-1]["sources"]}

    def until(self, what: str, found: Any, timeout_s: float = 20.0) -> None:
        """Wait for something that happens while it runs; if it ends before, that is an error."""
        until(what, lambda: found() or self.peer.process.poll() is not None, timeout_s)
        assert found(), f"it ended ({self.peer.process.returncode}) before: {what}\n{self.said()}"

    def said(self) -> str:
        """Give what it has said to the person."""
        return self.err_file.read_text("utf-8")

    def report(self) -> dict[str, Any]:
        """Give the object that it prints at its end."""
        assert self.peer.process.stdout
        found: dict[str, Any] = json.loads(self.peer.process.stdout.read())
        return found

    def kill(self) -> None:
        """Kill it, and nobody may clear up behind it."""
        self.peer.process.send_signal(signal.SIGKILL)
        self.peer.process.wait()

    def ended(self, timeout_s: float = 40.0) -> int:
        """Wait for its end and give its exit code."""
        try:
            return self.peer.process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            last = [event for event in self.events() if event["event"] != "Landed"][-5:]
            raise TimeoutError(f"not in {timeout_s} s: the end of a command\n{last}\n{self.said()}") from error


def kilotar(here: Lab, verb: str, root: Path, fat: Fat, *words: str, network: tuple[str, ...] = OFFLINE) -> Command:
    """Start a command that may fetch, with the torrents of an edition; it asks nobody outside."""
    torrents = ("--torrent", str(fat.train.torrent_file), "--torrent", str(fat.val.torrent_file))
    return command(here, verb, str(root), "--edition", str(fat.toml), *network, *torrents, *words)


def command(here: Lab, *words: str) -> Command:
    """Start a command."""
    number = len(list(here.folder.glob("*.log")))
    events, err = here.folder / f"{number}.events", here.folder / f"{number}.log"
    line = [sys.executable, "-m", "kilotar", *words, "--events", str(events), "--json"]
    return Command(here.start(line, OURS), events, err)

"""A network of one's own, with real programs in it.

The calling thread leaves the machine's network for an empty one, and all that it starts (threads, programs) is born
there: ports never clash, tests run beside one another, nothing is seen outside, and packets can be dropped. Every
program has an address of its own, for peers take one connection an address, and Transmission takes none of 127/8.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kilotar.model.pieces import Torrent
from kilotar.model.profile import ClientOptions
from kilotar.parse.torrent import make_torrent, write_torrent
from tests.doubles.landings import payload, table_of
from tests.need import need, need_tool

__all__ = ["ANNOUNCE", "OPTIONS", "OURS", "TRACKER", "Archive", "Lab", "Peer", "archive_of", "lab", "until"]

TRACKER, OURS, FIRST_PEER = "10.77.0.1", "10.77.0.2", 10
PEERS = 8
PORT = 7000
ANNOUNCE = f"http://{TRACKER}:6969/announce"
CLONE_NEWNET = 0x40000000
OPTIONS = ClientOptions(interface=OURS, dht=False, lsd=False, upnp=False, allow_private=True)
REPOSITORY = Path(__file__).resolve().parent.parent.parent
_libc = ctypes.CDLL(None, use_errno=True)


def until(what: str, found: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Ask until the answer is true, and give it; TimeoutError says what never came."""
    end_s = time.monotonic() + timeout_s
    while not (answer := found()):
        if time.monotonic() > end_s:
            raise TimeoutError(f"not in {timeout_s} s: {what}")
        time.sleep(0.02)
    return answer


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of random bytes and its torrent, in `folder`."""

    torrent: Torrent
    data: bytes
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / self.torrent.table.name

    @property
    def torrent_file(self) -> Path:
        return self.folder / "archive.torrent"


def archive_of(folder: Path, size_bytes: int, piece_bytes: int = 256 << 10, seed: int = 0) -> Archive:
    """Make a file and its torrent, whose tracker is the lab's."""
    data = payload(size_bytes, seed)
    torrent = make_torrent(table_of(data, piece_bytes), trackers=((ANNOUNCE,),))
    folder.mkdir(parents=True)
    archive = Archive(torrent, data, folder)
    archive.file.write_bytes(data)
    archive.torrent_file.write_bytes(write_torrent(torrent))
    return archive


@dataclass(slots=True)
class Peer:
    """A program at an address; ended by its own number."""

    process: subprocess.Popen[str]
    address: str
    port: int = PORT
    rpc: int = 0

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.port}"

    def ask(self, word: str) -> dict[str, Any]:
        """Ask a child of `tests.peers.seeder`."""
        assert self.process.stdin
        assert self.process.stdout
        print(word, file=self.process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def sent_bytes(self) -> int:
        """Give the payload that a libtorrent seed has sent."""
        return int(self.ask("facts")["sent"])

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


class Lab:
    """Starts programs in the network that the thread is in; all end with the lab."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._peers: list[Peer] = []
        self._addresses = iter(f"10.77.0.{FIRST_PEER + number}" for number in range(PEERS))

    def start(self, words: list[str], address: str = "", rpc: int = 0) -> Peer:
        """Start a program, with what it says in a file of the lab."""
        log = self.folder / f"{len(self._peers)}.log"
        with log.open("wb") as err:
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True, cwd=REPOSITORY
            )
        peer = Peer(process, address or next(self._addresses), rpc=rpc)
        self._peers.append(peer)
        return peer

    def close(self) -> None:
        for peer in self._peers:
            peer.stop()

    def tracker(self, *archives: Archive) -> Peer:
        """Start opentracker at its address, for these archives; as Debian builds it, it serves only what is listed."""
        home = (
            self.folder / "opentracker"
        )  # its root: it gives up all rights, and may then not even look in from outside
        home.mkdir(mode=0o755)
        (home / "listed").write_text("".join(f"{archive.torrent.table.infohash}\n" for archive in archives))
        words = f"-i {TRACKER} -p 6969 -P 6969 -d {home} -w listed"
        peer = self.start([need_tool("opentracker"), *words.split()], TRACKER)
        until("opentracker listens", lambda: _listens(TRACKER, 6969))
        return peer

    def seed(self, archive: Archive, *, rate_bytes_s: int = 0, address: str = "", **options: Any) -> Peer:
        """Start a seed that is libtorrent itself; options are those of `tests.peers.seeder`."""
        address = address or next(self._addresses)
        settings = {"torrent": str(archive.torrent_file), "file": str(archive.file), "address": address, "port": PORT}
        settings |= {"rate": rate_bytes_s, **options}
        peer = self.start([sys.executable, "-m", "tests.peers.seeder", json.dumps(settings)], address)
        assert peer.process.stdout
        assert peer.process.stdout.readline() == "ready\n", (self.folder / f"{len(self._peers) - 1}.log").read_text()
        return peer

    def aria2(self, archive: Archive, folder: Path) -> Peer:
        """Start aria2c on a torrent: a seed where the folder holds the file, else a leecher that goes on to seed."""
        address = next(self._addresses)
        words = f"--interface={address} --listen-port={PORT} --enable-dht=false --bt-enable-lpd=false --seed-ratio=0"
        words += f" --enable-rpc --rpc-listen-port=6800 --rpc-listen-all -V -d {folder} --file-allocation=none"
        return self.start([need_tool("aria2c"), *words.split(), str(archive.torrent_file)], address, rpc=6800)

    def transmission(self, archive: Archive, folder: Path, *, utp: bool = False) -> Peer:
        """Start a transmission-daemon on a torrent: a seed where the folder holds the file, else a leecher."""
        address = next(self._addresses)
        home = self.folder / f"transmission-{address}"
        settings = {
            "bind-address-ipv4": address,
            "peer-port": PORT,
            "rpc-bind-address": address,
            "rpc-whitelist-enabled": False,
            "download-dir": str(folder),
            "utp-enabled": utp,
            "dht-enabled": False,
            "lpd-enabled": False,
            "pex-enabled": True,
            "port-forwarding-enabled": False,
        }
        home.mkdir()
        (home / "settings.json").write_text(json.dumps(settings))
        peer = self.start([need_tool("transmission-daemon"), "-f", "-g", str(home)], address, rpc=9091)
        until("the daemon answers", lambda: _listens(address, 9091))
        transmission_call(peer, "torrent-add", filename=str(archive.torrent_file))
        return peer

    def nginx(self, folder: Path) -> Peer:
        """Start nginx on a folder, at port 80 of its address."""
        address = next(self._addresses)
        home = self.folder / f"nginx-{address}"
        home.mkdir()
        (home / "nginx.conf").write_text(
            f"daemon off; pid {home}/pid; error_log {home}/error.log; user root; events {{}}"
            f"http {{ access_log {home}/access.log; client_body_temp_path {home}; proxy_temp_path {home};"
            f" fastcgi_temp_path {home}; uwsgi_temp_path {home}; scgi_temp_path {home};"
            f" server {{ listen {address}:80; root {folder}; }} }}"
        )
        peer = self.start([need_tool("nginx"), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")], address)
        until("nginx listens", lambda: _listens(address, 80))
        return peer

    def filter(self, rule: str) -> None:
        """Add a rule of iptables, e.g. "OUTPUT -p udp -j DROP"."""
        subprocess.run([need_tool("iptables"), "-A", *rule.split()], check=True)

    def take_down(self, address: str) -> None:
        """Take an address away: packets to and from it are lost."""
        for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d")):
            self.filter(f"{chain} {side} {address} -j DROP")

    def bring_back(self) -> None:
        """Drop all rules."""
        subprocess.run([need_tool("iptables"), "-F"], check=True)


def transmission_call(peer: Peer, method: str, **arguments: Any) -> dict[str, Any]:
    """Call a daemon over its RPC, with the session id that it asks for."""
    url = f"http://{peer.address}:{peer.rpc}/transmission/rpc"
    body = json.dumps({"method": method, "arguments": arguments}).encode()
    token = ""
    for _ in range(2):
        request = urllib.request.Request(url, body, {"X-Transmission-Session-Id": token})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
                assert found["result"] == "success", found
                return dict(found["arguments"])
        except urllib.error.HTTPError as error:
            token = error.headers["X-Transmission-Session-Id"]
    raise AssertionError(f"no answer to {method}")


def _listens(address: str, port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Be in a new network with the addresses of the lab; all programs end with it."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    made = Lab(folder)
    try:
        need("the right to make a network namespace", _libc.unshare(CLONE_NEWNET) == 0)
        addresses = (TRACKER, OURS, *(f"10.77.0.{FIRST_PEER + number}" for number in range(PEERS)))
        batch = "\n".join(["link set lo up", *(f"addr add {address}/24 dev lo" for address in addresses)])
        subprocess.run([need_tool("ip"), "-batch", "-"], input=batch, text=True, check=True)
        yield made
    finally:
        made.close()
        assert _libc.setns(before, CLONE_NEWNET) == 0
        os.close(before)

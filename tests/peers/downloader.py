"""A download in a process of its own, to be killed: JSON in argv, how many pieces are proved on stdout.

torrent: path.   folder: for the archive and all state.   peers: "HOST:PORT".   address: to go out from.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from kilotar.model.fetching import PieceWish
from kilotar.model.profile import ClientOptions, Profile
from kilotar.parse.torrent import parse_torrent
from kilotar.sources.torrent import Swarm
from kilotar.store.pieces import open_pieces


def main(settings: dict[str, Any]) -> None:
    torrent = parse_torrent(Path(settings["torrent"]).read_bytes(), infohash="", allow_private=True)
    folder = Path(settings["folder"])
    pieces = open_pieces(folder, torrent.table.name, folder / "state", torrent.table)
    pieces.suspect_data()
    for piece in pieces.suspects:
        pieces.recheck(piece)
    print(f"found {pieces.count}", flush=True)
    options = ClientOptions(
        interface=settings["address"], peers=tuple(settings["peers"]), dht=False, lsd=False, upnp=False
    )
    swarm = Swarm(options, Profile(), folder / "state", lambda trouble: print(trouble, file=sys.stderr, flush=True))
    fetcher = swarm.add(torrent, pieces)
    fetcher.want(PieceWish(wanted=(range(torrent.table.count),)))
    while not pieces.is_complete:
        time.sleep(0.05)
        pieces.save()
        print(pieces.count, flush=True)
    swarm.close()
    pieces.finish()
    print("whole", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

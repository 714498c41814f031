"""A seed that is libtorrent itself, in a process of its own: settings as JSON in argv, counters for the word "facts".

torrent, file: paths.   address, port: to listen on and go out from.   rate: bytes a second, 0 for all.
utp_only: TCP off.      is_bad: serve what is in the file, whatever its hashes are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import libtorrent as lt


def main(settings: dict[str, Any]) -> None:
    utp = bool(settings.get("utp_only"))
    session = lt.session(
        {
            "listen_interfaces": f"{settings['address']}:{settings['port']}",
            "outgoing_interfaces": settings["address"],
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_outgoing_utp": utp or bool(settings.get("utp")),
            "enable_incoming_utp": utp or bool(settings.get("utp")),
            "enable_outgoing_tcp": not utp,
            "enable_incoming_tcp": not utp,
            "allow_multiple_connections_per_ip": True,
            "close_redundant_connections": False,
            "min_reconnect_time": 1,
            "alert_mask": 0,
        }
    )
    session.set_peer_class_filter(lt.ip_filter())
    params = lt.load_torrent_buffer(Path(settings["torrent"]).read_bytes())
    file = Path(settings["file"])
    params.save_path, params.renamed_files = str(file.parent), {0: file.name}
    params.have_pieces = [True] * params.ti.num_pieces()  # believed, not checked: a bad seed is one like any other
    params.flags = lt.torrent_flags.update_subscribe
    handle = session.add_torrent(params)
    if settings["rate"]:
        handle.set_upload_limit(settings["rate"])
    print("ready", flush=True)
    for _ in sys.stdin:
        status = handle.status()
        print(json.dumps({"sent": status.total_payload_upload, "peers": status.num_peers}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

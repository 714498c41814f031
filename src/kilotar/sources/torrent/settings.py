"""Every setting of the BitTorrent session that differs from the library's, each with its reason.

Rules guarded: nothing outside this module sets a session up; what was measured stays beside what was set. Numbers were
measured with libtorrent 2.1.1.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote, urlsplit

from kilotar.errors import UsageError
from kilotar.model.profile import ClientOptions, Encryption, Profile

__all__ = ["ALERTS", "Settings", "listen_interfaces", "session_settings"]

Settings = dict[str, bool | int | str]

ENCRYPTION: dict[Encryption, Settings] = {
    "off": {"out_enc_policy": 2, "in_enc_policy": 2},
    # Speaks both: a filter that resets on the plain handshake costs nothing, and neither does the encrypted one.
    "enabled": {"out_enc_policy": 1, "in_enc_policy": 1},
    # The whole stream in RC4: 4.4 CPU s/GB instead of 2.5.
    "forced": {"out_enc_policy": 0, "in_enc_policy": 0, "allowed_enc_level": 2, "prefer_rc4": True},
}

ALWAYS: Settings = {
    # With True, each time all that is wanted is there the seeds are dropped for 60 s: 16 h for 1,000 tar headers.
    "close_redundant_connections": False,
    # 60 s by default: a seed that was away for a moment, or a full disk, would cost a minute.
    "min_reconnect_time": 10,
    "peer_connect_timeout": 8,  # of 15: a dead peer costs less in a swarm of seven
    # One tracker that answers "0 peers" or 403 must not hide the others.
    "announce_to_all_trackers": True,
    "announce_to_all_tiers": True,
    # A tracker that hangs holds up the end of the process: 5 s by default.
    "stop_tracker_timeout": 2,
    "dht_bootstrap_nodes": "dht.libtorrent.org:25401,router.bittorrent.com:6881,"
    "dht.transmissionbt.com:6881,router.bt.ouinet.work:6881",
    # 2,000 by default: pieces would be lost in alerts that are dropped.
    "alert_queue_size": 1 << 16,
    # Outputs, tests and other programs of one machine are one address.
    "allow_multiple_connections_per_ip": True,
    # Contacts that nobody asked for.
    "webtorrent_stun_server": "",
    "validate_https_trackers": True,
    "ssrf_mitigation": True,
    "allow_idna": False,
    "anonymous_mode": False,  # it hides names and blocks nothing
    "hashing_threads": 1,  # our own check reads every piece again; on rotating disks two readers are slower than one
    # 100 MB by default, all of which is in memory where the disk is the slower side (219 MB resident at 1 GiB).
    "max_queued_disk_bytes": 32 << 20,
    # Torrents are never queued here, and only the person's limits count.
    "active_downloads": -1,
    "active_seeds": -1,
    "active_limit": -1,
    "rate_limit_ip_overhead": False,
}

# Zero slots alone gave 21 MB away: pieces that peers are allowed to take while choked.
NO_UPLOAD: Settings = {"unchoke_slots_limit": 0, "allowed_fast_set_size": 0, "num_optimistic_unchoke_slots": 0}

# Whose alerts are read; "block_progress" would be one a 16 KiB.
ALERTS = (
    *("error", "status", "storage", "tracker", "dht", "port_mapping", "connect", "peer", "piece_progress"),
    *("ip_block", "stats"),
)

PROXIES = {"socks5": (2, 3), "socks5h": (2, 3), "http": (4, 5)}  # without and with a password


def session_settings(options: ClientOptions, profile: Profile, port: int) -> Settings:
    """Give the settings of a session.

    Args:
        port: to listen on, as chosen by `listening`.
    Raises: UsageError for a proxy that cannot be one.
    """
    return {
        **ALWAYS,
        **ENCRYPTION[options.encryption or profile.encryption],
        # Tried first where it is on: 7 to 11 MB/s instead of 160 and more, and not one byte in 330 s where UDP
        # over 500 bytes is dropped, because a peer that once answered over µTP is never tried over TCP.
        "enable_outgoing_utp": profile.utp,
        "enable_incoming_utp": profile.utp,
        "listen_interfaces": listen_interfaces(options.interface, port),
        "outgoing_interfaces": options.interface,
        "connections_limit": options.connections,
        "upload_rate_limit": options.upload_limit_bytes_s,
        "download_rate_limit": options.download_limit_bytes_s,
        "enable_dht": options.dht,
        "enable_lsd": options.lsd,
        "enable_upnp": options.upnp,
        "enable_natpmp": options.upnp,
        **(NO_UPLOAD if options.no_upload else {}),
        **_proxy(options.proxy),
    }


def listen_interfaces(interface: str, port: int) -> str:
    """Give the addresses to listen on: of all families where no interface is named, else that device or address."""
    if not interface:
        return f"0.0.0.0:{port},[::]:{port}"
    try:
        is_v6 = ipaddress.ip_address(interface).version == 6
    except ValueError:
        is_v6 = False
    return f"[{interface}]:{port}" if is_v6 else f"{interface}:{port}"


def _proxy(url: str) -> Settings:
    """Give the settings of a proxy: all goes through it, names too, and nothing is asked of the local network."""
    if not url:
        return {}
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("that is no address of a proxy", seen=str(error), fix=_PROXY_FORM) from error
    if parts.scheme not in PROXIES or not host or not port:
        raise UsageError("that is no address of a proxy", seen=f"{parts.scheme}://{host}:{port}", fix=_PROXY_FORM)
    return {
        "proxy_type": PROXIES[parts.scheme][bool(parts.username)],
        "proxy_hostname": host,
        "proxy_port": port,
        "proxy_username": unquote(parts.username or ""),
        "proxy_password": unquote(parts.password or ""),
        "proxy_hostnames": True,
        "proxy_peer_connections": True,
        "proxy_tracker_connections": True,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
    }


_PROXY_FORM = "give it as socks5://HOST:PORT or http://HOST:PORT"

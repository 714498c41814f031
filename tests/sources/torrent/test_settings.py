"""The settings that were measured stay, and the person's options become settings."""

from __future__ import annotations

import pytest

from kilotar.errors import UsageError
from kilotar.model.profile import FIRST, ClientOptions, Profile
from kilotar.sources.torrent.settings import ALERTS, listen_interfaces, session_settings
from tests.need import need_module

PLAIN = session_settings(ClientOptions(), FIRST, 20_000)


def test_what_was_measured_as_mandatory_is_set() -> None:
    assert PLAIN["close_redundant_connections"] is False
    assert PLAIN["enable_outgoing_utp"] is PLAIN["enable_incoming_utp"] is False
    assert PLAIN["announce_to_all_trackers"] is PLAIN["announce_to_all_tiers"] is True
    assert PLAIN["validate_https_trackers"] is PLAIN["ssrf_mitigation"] is True


def test_only_a_profile_that_asks_for_it_has_utp() -> None:
    settings = session_settings(ClientOptions(), Profile("TCP and µTP", utp=True), 20_000)

    assert settings["enable_outgoing_utp"] is settings["enable_incoming_utp"] is True


def test_forced_encryption_takes_no_plain_peer_and_the_person_s_choice_beats_the_profile_s() -> None:
    forced = session_settings(ClientOptions(), Profile("x", encryption="forced"), 0)
    off = session_settings(ClientOptions(encryption="off"), Profile("x", encryption="forced"), 0)

    assert (forced["out_enc_policy"], forced["allowed_enc_level"]) == (0, 2)
    assert off["out_enc_policy"] == 2


def test_no_upload_closes_the_ways_that_unchoking_leaves_open() -> None:
    settings = session_settings(ClientOptions(no_upload=True), FIRST, 0)

    assert settings["unchoke_slots_limit"] == settings["allowed_fast_set_size"] == 0


@pytest.mark.parametrize(
    ("interface", "text"),
    [
        ("", "0.0.0.0:7,[::]:7"),
        ("10.0.0.1", "10.0.0.1:7"),
        ("fd00::1", "[fd00::1]:7"),
        ("eth0", "eth0:7"),
    ],
)
def test_where_to_listen(interface: str, text: str) -> None:
    assert listen_interfaces(interface, 7) == text


def test_a_proxy_takes_all_connections_and_the_local_network_is_left_alone() -> None:
    settings = session_settings(ClientOptions(proxy="socks5://me:p%40ss@proxy.example:1080"), FIRST, 0)

    assert (settings["proxy_type"], settings["proxy_hostname"], settings["proxy_port"]) == (3, "proxy.example", 1080)
    assert (settings["proxy_username"], settings["proxy_password"]) == ("me", "p@ss")
    assert settings["proxy_peer_connections"] is settings["proxy_tracker_connections"] is True
    assert settings["enable_lsd"] is settings["enable_upnp"] is settings["enable_natpmp"] is False


@pytest.mark.parametrize(
    "proxy", ["ftp://h:1", "socks5://h", "socks5://:1080", "http://h:99999", "h:1080", "http://[::1"]
)
def test_what_is_no_proxy_is_refused(proxy: str) -> None:
    with pytest.raises(UsageError):
        session_settings(ClientOptions(proxy=proxy), FIRST, 0)


def test_the_library_knows_every_setting_and_every_class_of_alerts() -> None:
    lt = need_module("libtorrent")
    options = ClientOptions(no_upload=True, proxy="http://localhost:1", dht=False, lsd=False, upnp=False)
    settings = session_settings(options, Profile("x", encryption="forced"), 0)
    session = lt.session({**settings, "listen_interfaces": ""})
    known = session.get_settings()

    assert {name: value for name, value in settings.items() if known[name] != value} == {
        "listen_interfaces": settings["listen_interfaces"]
    }
    assert all(hasattr(lt.alert_category, name) for name in ALERTS)

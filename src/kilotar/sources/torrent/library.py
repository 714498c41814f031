"""The one door to libtorrent, opened late: what does not download must not wait for its import, nor need it.

Rules guarded: a missing library is told with the ways that do without it; TLS roots are named before the first session,
because the library looks them up once and its own built-in folder is that of the machine it was built on.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

from kilotar.errors import MissingExtra

__all__ = ["abandon", "libtorrent", "trust_roots"]

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)


def libtorrent() -> Any:
    """Give the module libtorrent. Raises MissingExtra."""
    try:
        import libtorrent as module
    except ImportError as error:
        raise MissingExtra(
            "the embedded BitTorrent client is not installed",
            seen=f"import libtorrent: {error}",
            fix="use --from http, or --client aria2, or a Python that has wheels of libtorrent (3.12)",
        ) from error
    return module


def trust_roots(chosen: str = "") -> str:
    """Name the bundle of certificates for trackers over HTTPS, in SSL_CERT_FILE of this process; give its path.

    Args:
        chosen: by the person. Else what SSL_CERT_FILE says, else the system's, else that of certifi, else "".
    """
    path = chosen or os.environ.get("SSL_CERT_FILE", "") or _of_the_system() or _of_certifi()
    if path:
        os.environ["SSL_CERT_FILE"] = path
    return path


def abandon(session: Any) -> None:
    """Silence a session, free its ports, and leave it to the end of the process.

    The destructor of libtorrent 2.1.1 joins its threads without letting go of the interpreter: for as long as a tracker
    does not answer the whole program stood still, and in 5 of 18 runs of the tests it never ended. So none is run.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
    session.pause()
    session.apply_settings(
        {
            "listen_interfaces": "",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "alert_mask": 0,
        }
    )
    session.is_listening()  # answered when the settings are in force: from now on the port is free


def _of_the_system() -> str:
    return next((path for path in BUNDLES if Path(path).is_file()), "")


def _of_certifi() -> str:
    try:
        import certifi
    except ImportError:
        return ""
    return certifi.where()

"""Which certificates are believed.

Rules guarded: they are always checked; there is no way to turn that off.
"""

from __future__ import annotations

import os
import ssl
from functools import cache

from kilotar.sources.http.failing import Cause, Failure

__all__ = ["tls_context"]


def tls_context() -> ssl.SSLContext:
    """Give the rules of TLS: certificates checked by the user's bundle, else the system's, else certifi's.

    Raises: Failure where the bundle cannot be read.
    """
    return _context(os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or "")


@cache
def _context(bundle: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=bundle or None)
    except OSError as error:
        raise Failure(Cause.UNTRUSTED, f"the CA bundle {bundle!r} cannot be read: {error.strerror}") from error
    if not bundle and not context.cert_store_stats()["x509_ca"]:
        import certifi

        context.load_verify_locations(certifi.where())
    return context

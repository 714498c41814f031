"""A certificate authority for tests, and certificates of 127.0.0.1 that it signed."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from tests.need import need_tool

__all__ = ["Authority"]

_DAYS_AHEAD, _DAYS_PAST = "2", "-1"


class Authority:
    """An authority in a folder; `bundle` is what has to be trusted."""

    def __init__(self, folder: Path) -> None:
        self._openssl, self._folder = need_tool("openssl"), folder
        self.bundle = folder / "ca.pem"
        self._run(
            *("req", "-x509", *self._new_key("ca"), "-out", str(self.bundle), "-days", _DAYS_AHEAD),
            *("-subj", "/CN=kilotar tests", "-addext", "keyUsage=keyCertSign"),
        )

    def server(self, name: str, host: str = "IP:127.0.0.1", *, is_expired: bool = False) -> ssl.SSLContext:
        """Give the context of a server with a certificate for this host ("IP:127.0.0.1", "DNS:other")."""
        request, signed, extra = (self._folder / f"{name}.{end}" for end in ("csr", "pem", "ext"))
        extra.write_text(f"subjectAltName={host}\n", encoding="ascii")
        self._run("req", *self._new_key(name), "-subj", f"/CN={name}", "-out", str(request))
        self._run(
            *("x509", "-req", "-in", str(request), "-CA", str(self.bundle), "-CAkey", str(self._folder / "ca.key")),
            *("-CAcreateserial", "-out", str(signed), "-extfile", str(extra)),
            *("-days", _DAYS_PAST if is_expired else _DAYS_AHEAD),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, self._folder / f"{name}.key")
        return context

    def _new_key(self, name: str) -> tuple[str, ...]:
        key = str(self._folder / f"{name}.key")
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key)

    def _run(self, *words: str) -> None:
        subprocess.run([self._openssl, *words], check=True, capture_output=True)

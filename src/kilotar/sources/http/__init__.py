"""A web server as a source of pieces.

How it is used: `HttpFetcher(url, landing, options, tell)`, then `want(wish)`; every piece is hashed by the landing
before it counts. `probe(url, options)` asks once, for planning and for the doctor.

Without hashes (`PieceTable.plain`, a size from `probe` and nothing else) a piece is only as good as the whole archive:
ask one address only, keep `fetcher.identity` beside the verified bitmap and give it back in the next run, throw
the bitmap away when `fetcher.is_changed`, and let nothing be used before the digest of the whole file is proved.
"""

from __future__ import annotations

from kilotar.sources.http.fetcher import HttpFetcher
from kilotar.sources.http.options import HttpOptions
from kilotar.sources.http.probe import Probed, probe

__all__ = ["HttpFetcher", "HttpOptions", "Probed", "probe"]

"""Archives out of a BitTorrent swarm, by the embedded client.

Only this package knows libtorrent, and imports it when a session is made. `Swarm` is a session, `Swarm.add` gives the
`Fetcher` of one archive; `settings` holds what was measured about the client.
"""

from kilotar.sources.torrent.fetcher import SwarmFetcher
from kilotar.sources.torrent.session import Swarm

__all__ = ["Swarm", "SwarmFetcher"]

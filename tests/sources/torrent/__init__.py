"""Tests of the embedded BitTorrent client."""

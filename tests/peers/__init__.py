"""Tests with real peers, trackers and clients, in networks of their own."""

"""Readers that would ask their makers' servers are told not to, before the first of them is imported."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

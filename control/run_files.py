"""What a run in shadow or live leaves in its folder."""

from __future__ import annotations

TICKS_FILE, SUMMARY_FILE = "ticks.npz", "summary.json"

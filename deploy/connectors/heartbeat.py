"""The heartbeat: what we count up on a site while we are in charge, for the building to watch."""

from __future__ import annotations

# It counts to here and begins anew: every number to it is exact as a float32 and as an int16.
BEATS = 32_000
NAME = "heartbeat"
"""What its object is called where it was made for us: a twin's is."""

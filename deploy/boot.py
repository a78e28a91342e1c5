"""Time that the processes of one machine share, and that goes on while it is suspended."""

from __future__ import annotations

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Source: Linux, random(4)


def boot_s() -> float:
    """Seconds since the machine was started, those in which it was suspended too. Source: Linux, clock_gettime(2)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Which start of the machine it is: seconds of one mean nothing in another."""
    return _BOOT_ID.read_text().strip()

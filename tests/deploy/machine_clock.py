"""A machine's clock that is set while processes run: for those alone that a test starts (clock.c)."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest


class MachineClock:
    """The clock of the processes that are run by its `prefix`. Skips the test where there is no C compiler.

    Args:
        folder: where it is made.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler: a clock of its own cannot be had")
        library, self._off = folder / "clock.so", folder / "clock_off"
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.prefix = ("env", f"LD_PRELOAD={library}", f"CLOCK_OFF={self._off}")
        self.set(timedelta())

    def set(self, off: timedelta) -> None:
        """Sets it, by so much from what is right."""
        new = self._off.with_name("clock_off.new")
        new.write_text(f"{off.total_seconds():.0f}")
        new.replace(self._off)

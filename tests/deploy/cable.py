"""A cable between the building's network and the controller's, that can be cut: a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress


class Cable:
    """Two ends, `site` here and `controller` in a namespace. Needs root and iproute2."""

    def __init__(self) -> None:
        number = os.getpid() % 60_000
        self._space, self._here, self._there = f"airhandler{number}", f"ah{number}s", f"ah{number}c"
        net = f"10.213.{number % 250}"
        self.site, self.controller = f"{net}.1", f"{net}.2"
        self._ip("netns", "add", self._space)
        self._ip("link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self._space)
        self._ip("addr", "add", f"{self.site}/30", "dev", self._here)
        self._inside("addr", "add", f"{self.controller}/30", "dev", self._there)
        self._inside("link", "set", "lo", "up")
        self._inside("link", "set", self._there, "up")
        self.mend()

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands before a command that is to run at the controller's end."""
        return ("ip", "netns", "exec", self._space)

    def cut(self) -> None:
        """Nothing passes any more."""
        self._ip("link", "set", self._here, "down")

    def mend(self) -> None:
        """Everything passes."""
        self._ip("link", "set", self._here, "up")

    def close(self) -> None:
        """Takes it away."""
        with suppress(subprocess.CalledProcessError):
            self._ip("netns", "del", self._space)

    def _inside(self, *words: str) -> None:
        subprocess.run([*self.prefix, "ip", *words], check=True)

    @staticmethod
    def _ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

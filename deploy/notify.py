"""What systemd is told: that a service is ready, that it lives, how it is. Nothing where it runs by hand."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger("airhandler.notify")


class Notify:
    """The socket that systemd gives a service of `Type=notify`.

    A message that cannot be sent is logged once; it never ends what it tells of. Source: systemd, sd_notify(3).

    Args:
        address: its path, or its name behind `@`; None where there is none.
        watchdog_us: within what time systemd wants to hear of us [us]; None: it does not.
    """

    def __init__(self, address: str | None, watchdog_us: str | None = None) -> None:
        self._address = None if address is None else "\0" + address[1:] if address.startswith("@") else address
        self._watched, self._failed = watchdog_us is not None, False

    @classmethod
    def of_environment(cls) -> Notify:
        """What systemd has said in our environment; for this process only, not for those that it starts."""
        meant_for = os.environ.pop("WATCHDOG_PID", str(os.getpid()))
        watchdog_us = os.environ.pop("WATCHDOG_USEC", None)
        return cls(os.environ.pop("NOTIFY_SOCKET", None), watchdog_us if meant_for == str(os.getpid()) else None)

    def ready(self) -> None:
        """It has started, and does what it is for."""
        self._send("READY=1")

    def alive(self, status: str = "") -> None:
        """It still does; with a line of status for `systemctl status`."""
        lines = ["WATCHDOG=1"] if self._watched else []
        lines += [f"STATUS={' '.join(status.split())}"] if status else []
        self._send("\n".join(lines))

    def stopping(self) -> None:
        """It is about to end."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None or not message:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(1.0)
                line.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failed:
                log.warning("systemd cannot be told: %s", error)
            self._failed = True

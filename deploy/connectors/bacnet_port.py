"""Our UDP ports. They are bound here, without SO_REUSEPORT: a second process on the port is an error, not a secret."""

from __future__ import annotations

import contextlib
import socket
from ipaddress import IPv4Network

from airhandler.buildings.errors import UserError


class Port:
    """A port of ours, and one that hears broadcasts where the address has a mask and a port.

    The library binds with SO_REUSEPORT, and tries for ever where it cannot.

    Args:
        words: `192.168.1.5`, `192.168.1.5:47808` or `192.168.1.5/24:47808`.

    Attributes:
        words: as it was given.
        address: our own, with the port that it has.
        own: what we ask through.
        broadcast: where broadcasts go; None where the address has no mask.
        heard: what hears broadcasts; None where nothing does.

    Raises UserError where the address or the port cannot be had.
    """

    def __init__(self, words: str) -> None:
        self.words = words
        host_mask, _, port = words.partition(":")
        host, _, mask = host_mask.partition("/")
        try:
            self.broadcast = str(IPv4Network(f"{host}/{mask}", strict=False).broadcast_address) if mask else None
            self.own = _bound(host, int(port or 0))
        except (OSError, OverflowError, ValueError) as error:
            raise UserError(
                f"address {words}: cannot be taken for BACnet: {error}; another process may have it"
            ) from error
        self.address = f"{host}:{self.own.getsockname()[1]}"
        self.heard: socket.socket | None = None
        if self.broadcast is not None and port:
            with contextlib.suppress(OSError):  # broadcasts to us are then not heard; those that answer us alone are
                self.heard = _bound(self.broadcast, int(port))

    def close(self) -> None:
        """Frees the ports."""
        self.own.close()
        if self.heard is not None:
            self.heard.close()


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setblocking(False)
        made.bind((host, port))
    except (OSError, OverflowError):
        made.close()
        raise
    return made

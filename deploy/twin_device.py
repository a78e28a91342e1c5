"""A twin as a BACnet/IP device: its objects, and a socket that nobody else can share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bacpypes3.apdu import AbortPDU, ConfirmedRequestPDU
from bacpypes3.app import Application
from bacpypes3.appservice import ApplicationServiceAccessPoint
from bacpypes3.basetypes import ServicesSupported
from bacpypes3.comm import bind
from bacpypes3.errors import PropertyError, UnrecognizedService
from bacpypes3.ipv4 import IPv4DatagramProtocol
from bacpypes3.ipv4.link import NormalLinkLayer
from bacpypes3.netservice import NetworkServiceAccessPoint, NetworkServiceElement
from bacpypes3.pdu import IPv4Address, LocalBroadcast

from airhandler.buildings.errors import UserError

from .connectors.objects import ANY_DEVICE, DEVICE
from .twin_board import Board
from .twin_objects import SOURCE, Heartbeat, Input, Output, TwinDevice
from .twin_servers import Address


class BacnetServer:
    """A Board, served. Everything is called in the thread of the servers.

    Args:
        board: what is served.
        address: where; port 0 takes a free one.
        number: the device's instance number.

    Attributes:
        address: where, with the port that it has.

    """

    def __init__(self, board: Board, address: Address, number: int) -> None:
        self._board, self._number = board, number
        self.address = address
        self._app: _TwinApplication | None = None

    async def open(self) -> None:
        """Begins to answer. Raises UserError where the address cannot be had."""
        listening = _bound(self.address)
        self.address = replace(self.address, port=listening.getsockname()[1])
        self._app = _TwinApplication(self._board, self.address, self._number, listening)
        try:
            await self._app.ready(self.address)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Answers no more, and gives the address free."""
        if self._app is not None:
            self._app.close()
            self._app = None
        await asyncio.sleep(0)  # the socket is closed by the loop

    @property
    def objects(self) -> Mapping[str, str]:
        """The object of every point, as a site file names it: `analog-input,1`."""
        assert self._app is not None
        return self._app.named


class _TwinApplication(Application):  # type: ignore[misc]
    """The services of the device, and what is wrong with them."""

    def __init__(self, board: Board, address: Address, number: int, listening: socket.socket) -> None:
        super().__init__()
        self._board = board
        self._broadcasts: asyncio.DatagramTransport | None = None
        device, local = TwinDevice(board, number), IPv4Address(str(address))
        self.asap = ApplicationServiceAccessPoint(device, self.device_info_cache)
        self.nsap, self.nse = NetworkServiceAccessPoint(), NetworkServiceElement()
        bind(self.nse, self.nsap)
        bind(self, self.asap, self.nsap)
        self._link = NormalLinkLayer(local, bind_socket=listening)
        self.nsap.bind(self._link, address=local)
        self.add_object(device)
        inputs = [Input(board, point, n) for n, point in enumerate(board.measured, start=1)]
        outputs = [Output(board, point, n) for n, point in enumerate(board.building.setpoints, start=1)]
        objects = [*inputs, *outputs, Heartbeat(board)]
        for one in objects:
            self.add_object(one)
        self.named = {str(one.objectName): "{},{}".format(*one.objectIdentifier) for one in objects}

    async def ready(self, address: Address) -> None:
        """Waits until the socket is heard, and hears broadcasts where an address says so."""
        await self._link.server._local_transport_ready.wait()
        if address.broadcast is not None:
            listening = _bound(Address(host=address.broadcast, port=address.port), shared=True)
            loop = asyncio.get_running_loop()
            self._broadcasts, heard = await loop.create_datagram_endpoint(IPv4DatagramProtocol, sock=listening)
            heard.server, heard.destination = self._link.server, LocalBroadcast()

    def close(self) -> None:
        self._link.close()
        if self._broadcasts is not None:
            self._broadcasts.close()

    def get_object_id(self, objid: Any) -> Any:
        """An object, unless it is gone; the device is also whoever is asked for as anyone."""
        anyone = (str(objid[0]), int(objid[1])) == (DEVICE, ANY_DEVICE)
        found = self.device_object if anyone else super().get_object_id(objid)
        return None if found is not None and str(found.objectName) in self._board.faults.gone else found

    async def indication(self, apdu: Any) -> None:
        """Takes a request."""
        faults = self._board.faults
        if faults.silent:
            return
        self._board.heard()
        SOURCE.set(_words(apdu.pduSource))
        if faults.slow_s and isinstance(apdu, ConfirmedRequestPDU):
            await asyncio.sleep(faults.slow_s)
        await super().indication(apdu)

    async def do_ReadPropertyMultipleRequest(self, apdu: Any) -> None:  # noqa: N802 - as the library names it
        """Answers a batch, all of one instant: nothing in between lets the loop do anything else."""
        faults = self._board.faults
        if faults.too_much(sum(len(spec.listOfPropertyReferences) for spec in apdu.listOfReadAccessSpecs)):
            # The library's own way, an exception, sends an abort that says it is a client's: nobody would hear it.
            await self.response(AbortPDU(True, reason=faults.abort, context=apdu))
            return
        await super().do_ReadPropertyMultipleRequest(apdu)

    async def do_SubscribeCOVRequest(self, apdu: Any) -> None:  # noqa: N802
        """Tells nobody of changes: whoever wants to know asks, and after a restart still knows."""
        raise UnrecognizedService

    def get_services_supported(self) -> Any:
        """What there is of the library's services."""
        found = super().get_services_supported()
        found[ServicesSupported.subscribeCOV] = 0
        return found

    async def do_WritePropertyRequest(self, apdu: Any) -> None:  # noqa: N802
        """Takes a write."""
        found = self.get_object_id(apdu.objectIdentifier)
        if found is not None and found.get_property_type(apdu.propertyIdentifier) is None:
            raise PropertyError(errorCode="unknownProperty")
        await super().do_WritePropertyRequest(apdu)


def _words(source: Any) -> str:
    """Who asks: host and port, which the library leaves out where it is BACnet's own; the rest as it has it."""
    return "{}:{}".format(*source.addrTuple) if isinstance(source, IPv4Address) else str(source)


def _bound(address: Address, *, shared: bool = False) -> socket.socket:
    """A UDP socket. Nobody else can take half of its answers, but for one of broadcasts, which all hear."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
    except OSError as error:
        made.close()
        raise UserError(f"--bacnet {address}: cannot be listened on: {error.strerror or error}") from error
    return made

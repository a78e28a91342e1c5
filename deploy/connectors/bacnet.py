"""A BACnet/IP client: reads in batches, writes that are awaited, discovery.

Among the connectors it and bacnet_requests.py alone know bacpypes3.

It lives in an event loop in a thread of its own. Its errors are no `Exception`: none leaves this file. What comes back
are plain numbers, words and `Refused`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bacpypes3.apdu import APDU, AbortPDU, AbortReason, ErrorRejectAbortNack, RejectPDU
from bacpypes3.app import Application
from bacpypes3.basetypes import Segmentation
from bacpypes3.errors import UnrecognizedService
from bacpypes3.ipv4 import IPv4DatagramProtocol, IPv4DatagramServer
from bacpypes3.ipv4.link import NormalLinkLayer
from bacpypes3.local.device import DeviceObject
from bacpypes3.pdu import Address, IPv4Address, LocalBroadcast

from airhandler.buildings.errors import SiteError, UserError

from .answers import Refused, SilenceError
from .bacnet_port import Port
from .bacnet_requests import answered, reading_of, reading_of_one, refusal, writing_of
from .bacnet_values import Plain, Property, value_of
from .bus_thread import BusThread
from .objects import BACNET_PORT, ObjectId

log = logging.getLogger("airhandler.bus")

_OURS = 4194302  # our own instance: we are asked for nothing
_MAX_APDU = 1476  # the greatest of BACnet/IP. Source: ANSI/ASHRAE 135-2020, clause 20.1.2.5
_SLACK_S = 0.5  # beyond the time-outs of the stack, before it is taken for stuck
_ROUNDS = 8  # how many unanswered time-outs a whole reading may last
_TRY_AGAIN = 100  # readings in small pieces, after which all is asked for at once again: it may have been a bad hour
_TOO_MUCH = ("buffer-overflow", "segmentation-not-supported", "apdu-too-long", "too-many-arguments")
_SILENT = (AbortReason.noResponse, AbortReason.tsmTimeout)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A device that said that it is there.

    Attributes:
        address: where, `192.168.1.20:47808`.
        device_id: its instance number.
        vendor: the number of its vendor.
        max_apdu: the longest message that it takes [bytes].
    """

    address: str
    device_id: int
    vendor: int
    max_apdu: int


class BacnetClient:
    """Asks devices, and is asked for nothing.

    Args:
        address: our own interface, an IPv4 address; with a port, that one. With a mask (`192.168.1.5/24:47808`)
            broadcasts can be sent and, where the port is given, heard.
        timeout_s: how long one answer may take [s].
        retries: how often a request is sent again.

    Raises UserError where the address or the port cannot be had.
    """

    def __init__(self, address: str = "127.0.0.1", *, timeout_s: float = 2.0, retries: int = 1) -> None:
        logging.getLogger("bacpypes3").setLevel(logging.CRITICAL)  # anybody's broken packet is a traceback there
        self._bound_s = timeout_s * (retries + 1) + _SLACK_S
        self._port = Port(address)
        self._multiple, self._batch, self._readings = True, math.inf, 0
        self._thread = BusThread("BACnet")
        self._app = self._thread.wait(self._open(timeout_s, retries), self._bound_s)

    @property
    def bound_s(self) -> float:
        """The longest that one request can last [s]."""
        return self._bound_s

    @property
    def address(self) -> str:
        """Our own address and port."""
        return self._port.address

    def read(
        self, device: str, wanted: Mapping[ObjectId, Sequence[Property]], *, batch: int = 20
    ) -> dict[tuple[ObjectId, Property], Plain]:
        """Properties of objects of a device; `Refused` for each that it does not give.

        Batches that it refuses are halved, down to one property, and stay so small for a hundred readings. Raises
        SilenceError where it does not answer.

        Args:
            device: its address.
            wanted: the properties of each object.
            batch: how many objects are asked for at once.
        """
        self._readings += 1
        if self._readings > _TRY_AGAIN:
            self._multiple, self._batch, self._readings = True, math.inf, 1
        self._batch = min(self._batch, batch)
        return self._thread.wait(self._read(Address(device), dict(wanted)), _ROUNDS * self._bound_s)

    def write(self, device: str, target: ObjectId, value: float | None, priority: int | None = None) -> Refused | None:
        """Writes a present value; None empties the slot. None where the device confirms it. Raises SilenceError.

        What it says is not what it does: whoever writes reads back.
        """
        return self._thread.wait(self._write(Address(device), target, value, priority), self._bound_s)

    def who_is(self, address: str | None, *, wait_s: float, port: int = BACNET_PORT) -> list[Found]:
        """The devices that say that they are there, by instance number.

        Args:
            address: one device's; None asks all by broadcast, for which our own address must have a mask.
            wait_s: how long answers are waited for [s].
            port: which one a broadcast goes to.
        """
        if address is None and self._port.broadcast is None:
            raise UserError(
                f"no device is named, and a broadcast needs our own address with its mask, not {self._port.words}: "
                "--address 192.168.1.5/24:47808; or name a device: --device HOST:PORT"
            )
        return self._thread.wait(self._who_is(address, wait_s, port), wait_s + self._bound_s)

    def close(self) -> None:
        """Ends the thread and frees the port. Nothing is read after this."""
        if self._thread.closed:
            return
        with contextlib.suppress(SiteError):
            self._thread.wait(self._shut(), self._bound_s)
        self._thread.stop(self._bound_s)

    async def _open(self, timeout_s: float, retries: int) -> Application:
        device = DeviceObject(
            objectIdentifier=("device", _OURS),
            objectName="airhandler",
            vendorIdentifier=999,
            maxApduLengthAccepted=_MAX_APDU,
            segmentationSupported=Segmentation.segmentedBoth,
            apduTimeout=round(timeout_s * 1000),
            apduSegmentTimeout=round(timeout_s * 1000),
            numberOfApduRetries=retries,
        )
        app = _Asker.from_object_list([device])
        own = IPv4Address(self._port.address)
        link = NormalLinkLayer(own, bind_socket=self._port.own)
        app.nsap.bind(link, address=own)
        app.link_layers[device.objectIdentifier] = link
        await link.server._local_transport_ready.wait()
        await self._listen(link.server)
        self._server = link.server
        return cast(Application, app)

    async def _listen(self, server: IPv4DatagramServer) -> None:
        """Lets a server hear broadcasts, where we have a port for them."""
        if self._port.heard is None:
            return
        protocol = IPv4DatagramProtocol()
        protocol.server = server
        loop = asyncio.get_running_loop()
        server.broadcast_transport, _ = await loop.create_datagram_endpoint(lambda: protocol, sock=self._port.heard)
        protocol.destination = LocalBroadcast()

    async def _shut(self) -> None:
        self._app.close()
        self._port.close()
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    async def _read(
        self, device: Address, wanted: dict[ObjectId, Sequence[Property]]
    ) -> dict[tuple[ObjectId, Property], Plain]:
        found: dict[tuple[ObjectId, Property], Plain] = {}
        left = list(wanted.items())
        while left:
            size = int(min(self._batch, len(left)))
            batch, left = left[:size], left[size:]
            found |= await self._read_batch(device, batch)
        return found

    async def _read_batch(
        self, device: Address, batch: list[tuple[ObjectId, Sequence[Property]]]
    ) -> dict[tuple[ObjectId, Property], Plain]:
        """A batch; halved where the device refuses it, down to single properties, which every device can read."""
        if self._multiple and sum(len(names) for _, names in batch) > 1:
            answer = await self._ask(reading_of(device, batch))
            if not isinstance(answer, Refused):
                return answered(answer, batch)
            if "unrecognized" in answer.words:
                log.info("%s cannot read several properties at once: they are read one by one", device)
                self._multiple, self._readings = False, 1
            elif len(batch) > 1:
                half = len(batch) // 2
                if any(words in answer.words for words in _TOO_MUCH):  # what else is in the way may pass
                    self._batch, self._readings = max(1, min(self._batch, half)), 1
                    log.info(
                        "%s refuses %d objects at once (%s): %d from now on", device, len(batch), answer.words, half
                    )
                return await self._read_batch(device, batch[:half]) | await self._read_batch(device, batch[half:])
        return {(target, name): await self._read_one(device, target, name) for target, names in batch for name in names}

    async def _read_one(self, device: Address, target: ObjectId, name: Property) -> Plain:
        answer = await self._ask(reading_of_one(device, target, name))
        return answer if isinstance(answer, Refused) else value_of(answer.propertyValue.tagList)

    async def _write(
        self, device: Address, target: ObjectId, value: float | None, priority: int | None
    ) -> Refused | None:
        answer = await self._ask(writing_of(device, target, value, priority))
        return answer if isinstance(answer, Refused) else None

    async def _ask(self, request: Any) -> Any:
        """The answer to a confirmed request, or Refused. Raises SilenceError."""
        try:
            return await asyncio.wait_for(self._app.request(request), self._bound_s)
        except ErrorRejectAbortNack as nack:
            if isinstance(nack, AbortPDU) and nack.apduAbortRejectReason in _SILENT:
                raise SilenceError(f"{request.pduDestination} does not answer") from None
            return refusal(nack)
        except TimeoutError:  # it answered what bacpypes3 could not read
            raise SilenceError(f"{request.pduDestination} gives no answer that can be read") from None

    async def _who_is(self, address: str | None, wait_s: float, port: int) -> list[Found]:
        if address is None:
            self._server.broadcast_address = (self._port.broadcast, port)
        target = LocalBroadcast() if address is None else Address(address)
        answers = await self._app.who_is(address=target, timeout=wait_s)
        found = {
            answer.iAmDeviceIdentifier[1]: Found(
                address=str(answer.pduSource),
                device_id=int(answer.iAmDeviceIdentifier[1]),
                vendor=int(answer.vendorID),
                max_apdu=int(answer.maxAPDULengthAccepted),
            )
            for answer in answers
        }
        return [found[number] for number in sorted(found)]


class _Asker(Application):  # type: ignore[misc]
    """An application that answers no request: whoever wants to read or write us is refused."""

    async def indication(self, apdu: APDU) -> None:
        """Takes I-Am, refuses what asks for an answer, and leaves the rest."""
        if type(apdu).__name__ == "IAmRequest":
            await super().indication(apdu)
        elif hasattr(apdu, "apduInvokeID") and apdu.apduInvokeID is not None:
            reason = UnrecognizedService.rejectReason
            await self.response(RejectPDU(reason=reason, context=apdu))

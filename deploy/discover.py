"""What is on a BACnet network: devices, their objects, which of them are points of a building. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import SiteError, UserError

from .connectors.answers import Refused
from .connectors.bacnet import BacnetClient, Found
from .connectors.bacnet_line import as_number, who_answers
from .connectors.bacnet_values import Plain, Property
from .connectors.heartbeat import NAME as HEARTBEAT
from .connectors.objects import (
    DESCRIPTION,
    DEVICE,
    MODEL_NAME,
    OBJECT_LIST,
    OBJECT_NAME,
    PRESENT_VALUE,
    PRIORITY_ARRAY,
    READABLE,
    UNITS,
    UTC_OFFSET,
    VENDOR_NAME,
    ObjectId,
)
from .connectors.units import OF_BACNET
from .progress import progress

_COUNTS = ("analog-value", "integer-value", "positive-integer-value", "large-analog-value")
_PIECE = 20  # objects, or entries of a list, at a time
_MOST = 20_000  # objects of one device: more is no answer of a sound one


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundObject:
    """An object that could carry a point.

    Attributes:
        object: which one.
        name: what it is called there.
        description: what is said of it there.
        unit: its unit, as a site file writes it; None where it says none that we know.
        unit_number: the number of its unit; None where it says none.
        value: its present value [unit]; None where it has none.
        commandable: whether it has a priority array.
    """

    object: ObjectId
    name: str
    description: str
    unit: str | None
    unit_number: int | None
    value: float | None
    commandable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundDevice:
    """A device with what is in it.

    Attributes:
        address: where, `192.168.1.20:47808`.
        device_id: its instance number.
        name: what it is called.
        maker: vendor and model.
        utc_offset_min: of its standard time, to the east; None where it says none.
        objects: those that could carry a point, in the device's order.
        others: how many objects it has beside them.
    """

    address: str
    device_id: int
    name: str
    maker: str
    utc_offset_min: int | None
    objects: tuple[FoundObject, ...]
    others: int

    @property
    def heartbeat(self) -> FoundObject | None:
        """What a controller is to count up, where the device leaves no doubt: one number with that name."""
        named = [one for one in self.objects if one.name.casefold() == HEARTBEAT and one.object.kind in _COUNTS]
        return named[0] if len(named) == 1 else None

    def points(self, building: Building) -> dict[str, FoundObject]:
        """The objects that are called as points of a building are."""
        named = {one.name: one for one in self.objects}
        return {p.name: named[p.name] for p in building.points if p.name in named}


def find_devices(client: BacnetClient, device: str | None, *, wait_s: float) -> list[Found]:
    """The devices that are there.

    Args:
        client: who asks.
        device: the address of one; None asks all by broadcast.
        wait_s: how long answers are waited for [s].

    Raises UserError, with what to do, where there is none.
    """
    found = client.who_is(device, wait_s=wait_s)
    if found or device is None:
        if not found:
            raise UserError(
                f"no device answered a broadcast within {wait_s:g} s: name one with --device HOST:PORT; one in another "
                "network needs its own address"
            )
        return found
    return [_asked(client, device)]


def read_device(client: BacnetClient, found: Found) -> FoundDevice:
    """A device with its objects, asked for in pieces. Raises SiteError where it does not answer."""
    own = ObjectId(DEVICE, found.device_id)
    about = client.read(found.address, {own: (OBJECT_NAME, VENDOR_NAME, MODEL_NAME, UTC_OFFSET)})
    listed = _object_list(client, found)
    points = [one for one in listed if one.kind in READABLE]
    offset = about[own, UTC_OFFSET]
    return FoundDevice(
        address=found.address,
        device_id=found.device_id,
        name=_text(about[own, OBJECT_NAME]) or str(own),
        maker=" ".join(filter(None, (_text(about[own, VENDOR_NAME]), _text(about[own, MODEL_NAME])))),
        utc_offset_min=-offset if isinstance(offset, int) else None,  # to the west it is positive. Source: clause 12.11
        objects=tuple(_objects(client, found, points)),
        others=len(listed) - len(points),
    )


def _asked(client: BacnetClient, device: str) -> Found:
    """A device that does not say that it is there, asked who it is."""
    try:
        number = who_answers(client, device)
    except SiteError as error:
        raise UserError(
            f"--device {device}: {error}: is the address right, and the device in reach of {client.address}?"
        ) from error
    if number is None:
        raise UserError(f"--device {device}: answers, but does not say which device it is")
    return Found(address=device, device_id=number, vendor=0, max_apdu=0)


def _object_list(client: BacnetClient, found: Found) -> list[ObjectId]:
    """Entry by entry: whole, it is longer than many devices can send."""
    own = ObjectId(DEVICE, found.device_id)
    count = client.read(found.address, {own: ((OBJECT_LIST, 0),)})[own, (OBJECT_LIST, 0)]
    if not isinstance(count, int) or not 0 < count <= _MOST:
        raise SiteError(
            f"device {found.device_id} at {found.address} does not say how many objects it has: {_words(count)}"
        )
    listed: list[ObjectId] = []
    for begin in range(1, count + 1, _PIECE):
        wanted: tuple[Property, ...] = tuple((OBJECT_LIST, n) for n in range(begin, min(begin + _PIECE, count + 1)))
        answers = client.read(found.address, {own: wanted})
        listed += [entry for name in wanted if isinstance(entry := answers[own, name], ObjectId)]
    return listed


def _objects(client: BacnetClient, found: Found, wanted: Sequence[ObjectId]) -> list[FoundObject]:
    made: list[FoundObject] = []
    with progress(f"device {found.device_id}: objects", len(wanted)) as shown:
        for begin in range(0, len(wanted), _PIECE):
            piece = wanted[begin : begin + _PIECE]
            answers = client.read(found.address, {one: _properties(one) for one in piece})
            made += [_found(one, {name: answers[one, name] for name in _properties(one)}) for one in piece]
            shown.done(len(made))
    return made


def _properties(one: ObjectId) -> tuple[Property, ...]:
    has_units = one.kind.startswith(("analog", "integer", "positive", "large", "accumulator", "pulse"))
    units: tuple[Property, ...] = (UNITS,) if has_units else ()
    slots: tuple[Property, ...] = ((PRIORITY_ARRAY, 1),) if one.is_commandable_kind else ()
    return (OBJECT_NAME, DESCRIPTION, PRESENT_VALUE, *units, *slots)


def _found(one: ObjectId, answers: dict[Property, Plain]) -> FoundObject:
    number = answers.get(UNITS)
    return FoundObject(
        object=one,
        name=_text(answers[OBJECT_NAME]) or str(one),
        description=_text(answers[DESCRIPTION]),
        unit=OF_BACNET.get(number) if isinstance(number, int) else None,
        unit_number=number if isinstance(number, int) else None,
        value=as_number(answers[PRESENT_VALUE]),
        commandable=(PRIORITY_ARRAY, 1) in answers and not isinstance(answers[PRIORITY_ARRAY, 1], Refused),
    )


def _text(value: Plain) -> str:
    """A text on one line, without what a terminal or a file would take for more; empty where there is none."""
    return "".join(c for c in " ".join(value.split()) if c.isprintable()) if isinstance(value, str) else ""


def _words(value: Plain) -> str:
    return value.words if isinstance(value, Refused) else repr(value)

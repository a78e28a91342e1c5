"""The line to one BACnet device: its objects as points of a building; why one is absent is told once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from airhandler.buildings.errors import SiteError
from airhandler.deploy.site_file import Place
from airhandler.deploy.site_links import BacnetLink

from .answers import Absences, OtherDeviceError, Refused
from .bacnet import BacnetClient
from .bacnet_values import Plain, Property
from .objects import (
    ANY_DEVICE,
    DEVICE,
    FLAGS,
    LOCAL_DATE,
    LOCAL_TIME,
    NOT_MEASURED,
    NOT_WORKING,
    OBJECT_ID,
    PRESENT_VALUE,
    PRIORITY_ARRAY,
    RELIABILITIES,
    RELIABILITY,
    RELINQUISH_DEFAULT,
    SLOTS,
    STATUS_FLAGS,
    SYSTEM_STATUS,
    ObjectId,
)

Answers = Mapping[tuple[ObjectId, Property], Plain]
_ANY = 255  # "unspecified" in a date or a time. Source: ANSI/ASHRAE 135-2020, clause 20.2.12
_FIRST_YEAR = 1900
_WHO_IS_S = 0.5  # how long answers to it are waited for


@dataclass(frozen=True, kw_only=True, slots=True)
class Commanded:
    """What stands in a set-point's object, in the device's unit.

    Attributes:
        slots: the value in each slot, 1 to 16, None where it is empty; None where it has no priority array.
        default: what holds when all are empty.
        present: what is in force.
        blocked: why commands have no effect, in words; None where they have.
    """

    slots: tuple[float | None, ...] | None
    default: float | None
    present: float | None
    blocked: str | None


class BacnetLine:
    """Reads the objects of one device.

    Args:
        client: who asks.
        link: which device, and how.
        working: whether a device that says that it does not control is refused.
    """

    def __init__(self, client: BacnetClient, link: BacnetLink, *, working: bool = True) -> None:
        self.client, self.link, self._working = client, link, working
        self._device = ObjectId(DEVICE, link.device_id)
        self._absences = Absences()
        self._faults: dict[str, str] = {}  # by point, since it became faulted

    def read(self, wanted: Mapping[ObjectId, tuple[Property, ...]]) -> Answers:
        """Properties of objects. Raises SiteError where the device is silent, another one, or does not work."""
        answers = self._asked({self._device: (OBJECT_ID, SYSTEM_STATUS, LOCAL_DATE, LOCAL_TIME), **wanted})
        self._check_which(answers[self._device, OBJECT_ID])
        self._check_works(answers[self._device, SYSTEM_STATUS])
        return answers

    def make_sure(self) -> None:
        """Asks, in one small request, whether it is still the device that is meant: before anything is written.

        Raises SiteError where it is not, or where that cannot be found out.
        """
        self._check_which(self._asked({self._device: (OBJECT_ID,)})[self._device, OBJECT_ID])

    def local_time(self, answers: Answers) -> datetime | None:
        """What the device says its time of day is, naive; None where it does not."""
        day, hour = answers[self._device, LOCAL_DATE], answers[self._device, LOCAL_TIME]
        return _moment(day, hour) if isinstance(day, bytes) and isinstance(hour, bytes) else None

    def value(self, place: Place, answers: Answers) -> float | None:
        """A point's value [the building's unit]; None, told once, where it is no measurement."""
        target = _object(place)
        value, why = measured(answers[target, PRESENT_VALUE], answers[target, STATUS_FLAGS])
        if why == FLAGS[1]:
            if place.point.name not in self._faults:  # one request more, not in every reading
                self._faults[place.point.name] = f"{why}{self._reliability(target)}"
            why = self._faults[place.point.name]
        else:
            self._faults.pop(place.point.name, None)
        self._absences.tell(place.point.name, place.where, why)
        return None if value is None or why is not None else place.conversion.to_building(value)

    def commanded(self, places: Iterable[Place]) -> tuple[dict[str, Commanded], Answers]:
        """What stands in set-points, by name, and all that was read with it. Raises SiteError as `read` does."""
        wanted = {_object(p): COMMANDED for p in places}
        answers = self.read(wanted)
        return {p.point.name: commanded(_object(p), answers) for p in places}, answers

    @property
    def _who(self) -> str:
        return f"device {self.link.device_id} at {self.link.device}"

    def _asked(self, wanted: Mapping[ObjectId, tuple[Property, ...]]) -> Answers:
        try:
            return self.client.read(self.link.device, wanted, batch=self.link.batch)
        except SiteError as error:
            raise SiteError(f"{self._who}: {error}") from error

    def _check_which(self, told: Plain) -> None:
        """Raises SiteError unless the device says that it is the one that is meant."""
        if told == self._device:
            return
        if isinstance(told, ObjectId):
            raise OtherDeviceError(self.link.device, self.link.device_id, told.instance)
        if isinstance(told, Refused) and told.words == "unknown-object":
            raise OtherDeviceError(self.link.device, self.link.device_id, self._other())
        words = told.words if isinstance(told, Refused) else repr(told)
        raise SiteError(f"{self._who}: it does not say which device it is: {words:.80}")

    def _other(self) -> int | None:
        """Which device answers in its place, as far as it says."""
        try:
            return who_answers(self.client, self.link.device)
        except SiteError:
            return None

    def _check_works(self, status: Plain) -> None:
        if self._working and isinstance(status, int) and status in NOT_WORKING:
            raise SiteError(f"{self._who}: it does not control: {NOT_WORKING[status]}")

    def _reliability(self, target: ObjectId) -> str:
        """Why an object is in fault, as far as it says."""
        try:
            told = self._asked({target: (RELIABILITY,)})[target, RELIABILITY]
        except SiteError:
            return ""
        return f": {RELIABILITIES[told]}" if isinstance(told, int) and told in RELIABILITIES else ""


def who_answers(client: BacnetClient, address: str) -> int | None:
    """The instance number of the device at an address; None where it does not say. Raises SiteError.

    It is asked in both ways, for many a device knows one of them alone.
    """
    anyone = ObjectId(DEVICE, ANY_DEVICE)
    answer = client.read(address, {anyone: (OBJECT_ID,)})[anyone, OBJECT_ID]
    if isinstance(answer, ObjectId):
        return answer.instance
    found = client.who_is(address, wait_s=_WHO_IS_S)
    return found[0].device_id if len(found) == 1 else None


MEASURED: tuple[Property, ...] = (PRESENT_VALUE, STATUS_FLAGS)
COMMANDED: tuple[Property, ...] = (PRESENT_VALUE, STATUS_FLAGS, PRIORITY_ARRAY, RELINQUISH_DEFAULT)


def measured(value: Plain, flags: Plain) -> tuple[float | None, str | None]:
    """A number and None, or why there is none. Without status flags nothing is believed."""
    if isinstance(value, Refused):
        return None, value.words
    if isinstance(flags, Refused):
        return None, f"its status flags: {flags.words}"
    number = as_number(value)
    if number is None:
        return None, f"its value is no number: {value!r:.40}"
    raised = [flag for flag in flags_of(flags) if flag in NOT_MEASURED]
    return number, raised[0] if raised else None


def commanded(target: ObjectId, answers: Answers) -> Commanded:
    """What stands in a set-point's object."""
    array, default = answers[target, PRIORITY_ARRAY], answers[target, RELINQUISH_DEFAULT]
    slots = tuple(_slot(v) for v in array) if isinstance(array, tuple) and len(array) == SLOTS else None
    flags = [flag for flag in flags_of(answers[target, STATUS_FLAGS]) if flag in FLAGS[2:]]
    return Commanded(
        slots=slots,
        default=as_number(default),
        present=as_number(answers[target, PRESENT_VALUE]),
        blocked=flags[0] if flags else None,
    )


def as_number(value: object) -> float | None:
    """A finite number; on and off are 1 and 0. None for anything else."""
    if not isinstance(value, bool | int | float):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def flags_of(flags: Plain) -> list[str]:
    """The flags that are raised. Source: ANSI/ASHRAE 135-2020, clause 20.2.10 (a count of unused bits comes first)."""
    if not isinstance(flags, bytes) or len(flags) < 2:
        return [FLAGS[1]]  # what cannot be read is not believed
    return [flag for number, flag in enumerate(FLAGS) if flags[1] & (0x80 >> number)]


def _slot(value: object) -> float | None:
    """The value of a slot; NaN where it is occupied by something that is no number."""
    return None if value is None else n if (n := as_number(value)) is not None else math.nan


def _moment(day: bytes, hour: bytes) -> datetime | None:
    """Year, month, day; hour, minute, second, hundredths. Source: ANSI/ASHRAE 135-2020, clauses 20.2.12 and 20.2.13."""
    if len(day) != 4 or len(hour) != 4 or _ANY in (*day[:3], *hour[:3]):
        return None
    hundredths = 0 if hour[3] == _ANY else hour[3]
    try:
        return datetime.combine(
            date(_FIRST_YEAR + day[0], day[1], day[2]), time(hour[0], hour[1], hour[2], hundredths * 10_000)
        )
    except ValueError:
        return None


def _object(place: Place) -> ObjectId:
    if place.object is None:
        raise SiteError(f"{place.point.name} is not on BACnet")
    return place.object

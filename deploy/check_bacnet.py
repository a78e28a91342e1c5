"""A BACnet device against its site file: units, ranges, and whether set-points can be commanded. Nothing is written."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from airhandler.buildings.points import Role

from .check_site import Report, Shown, check_clock
from .connectors.answers import Refused
from .connectors.bacnet import BacnetClient
from .connectors.bacnet_line import COMMANDED, MEASURED, Answers, BacnetLine, Commanded, as_number, commanded, measured
from .connectors.bacnet_values import Plain, Property
from .connectors.bus import of_address
from .connectors.clock import in_zone
from .connectors.objects import (
    FLAGS,
    MAX_PRESENT,
    MIN_PRESENT,
    OBJECT_NAME,
    PRESENT_VALUE,
    RELIABILITIES,
    RELIABILITY,
    RESOLUTION,
    STATUS_FLAGS,
    UNITS,
    ObjectId,
    parse_object,
)
from .connectors.units import OF_BACNET, Conversion, agrees, convert
from .site_file import Place, SiteSettings
from .site_links import BacnetLink

_ABOUT: tuple[Property, ...] = (OBJECT_NAME, UNITS, RELIABILITY)
_RANGE: tuple[Property, ...] = (MIN_PRESENT, MAX_PRESENT, RESOLUTION)


def check_bacnet(settings: SiteSettings, link: BacnetLink, report: Report) -> None:
    """Reads every object once. Raises SiteError where the device does not answer."""
    with of_address(settings):
        client = BacnetClient(link.address, timeout_s=link.timeout_s, retries=link.retries)
    try:
        line = BacnetLine(client, link)
        wanted = {_object(place): _properties(settings, place) for place in settings.places.values()}
        answers = report.timed(lambda: line.read(wanted))
        local = line.local_time(answers)
        check_clock(settings, None if local is None else in_zone(local, settings.zone), report)
        names = {point.name for point in settings.building.points}
        for place in settings.places.values():
            _check_point(place, names, answers, settings.file.air_density_kg_m3, report)
        for place in settings.places.values():
            if place.point.role is Role.SETPOINT:
                _check_setpoint(settings, link, place, commanded(_object(place), answers), answers, report)
        if settings.file.heartbeat is not None:
            _check_heartbeat(line, parse_object(settings.file.heartbeat), report)
    finally:
        client.close()


def _properties(settings: SiteSettings, place: Place) -> tuple[Property, ...]:
    if place.point.role is not Role.SETPOINT:
        return (*MEASURED, *_ABOUT)
    return (*COMMANDED, *_ABOUT, *(_RANGE if place.point.name in settings.file.write else ()))


def _check_point(
    place: Place, others: Collection[Plain], answers: Answers, density_kg_m3: float, report: Report
) -> None:
    """Its value, its unit, and whether the device calls it like one of the `others`."""
    target, name = _object(place), place.point.name
    value, why = measured(answers[target, PRESENT_VALUE], answers[target, STATUS_FLAGS])
    reliability = answers[target, RELIABILITY]
    if why == FLAGS[1] and isinstance(reliability, int) and reliability in RELIABILITIES:
        why = f"{why}: {RELIABILITIES[reliability]}"
    sound = value if why is None else None
    told = _told_unit(place, answers[target, UNITS])
    report.shown.append(
        Shown(
            place=place,
            value=None if sound is None else place.conversion.to_building(sound),
            why=why,
            told=told,
            true=None if sound is None else _true(place, sound, told, density_kg_m3),
        )
    )
    _check_unit(place, answers[target, UNITS], density_kg_m3, report)
    called = answers[target, OBJECT_NAME]
    if called != name and called in others:
        report.wrong(name, place.where, f"the device calls it {called}", "is it the other one?")


def _told_unit(place: Place, told: Plain) -> str | None:
    """What an object says its unit is, as a site file writes it; None where it says nothing that we know."""
    if not isinstance(told, int) or isinstance(told, bool):
        return None  # what is on or off has none
    known = place.unit if agrees(told, place.unit) else OF_BACNET.get(told)
    return None if known == "1" and place.unit != "1" else known


def _true(place: Place, value: float, told: str | None, density_kg_m3: float) -> float | None:
    """A value in the building's unit if the device is right about its own; None where that is of another quantity."""
    how = _conversion(place, told or place.unit, density_kg_m3)
    return None if how is None else how.to_building(value)


def _conversion(place: Place, unit: str, density_kg_m3: float) -> Conversion | None:
    try:
        return convert(unit, place.point.unit, density_kg_m3)
    except ValueError:
        return None


def _check_unit(place: Place, told: Plain, density_kg_m3: float, report: Report) -> None:
    """What the device says is a fact; the site file must say the same."""
    name, where = place.point.name, place.where
    if not isinstance(told, int) or isinstance(told, bool):
        return
    known = _told_unit(place, told)
    if known is None and told in OF_BACNET:
        report.remark(name, where, "the device says that it has no unit", f"is it in {place.unit}?")
    elif known is None:
        report.remark(name, where, f"its unit has the number {told}, which we do not know", f"is it in {place.unit}?")
    elif known != place.unit:
        fits = _conversion(place, known, density_kg_m3) is not None
        mend = (
            f'the site file must say unit: "{known}"' if fits else "that is another quantity: is it the right object?"
        )
        report.wrong(name, where, f"the device has it in {known}, the file says {place.unit}", mend)


def _check_setpoint(
    settings: SiteSettings, link: BacnetLink, place: Place, found: Commanded, answers: Answers, report: Report
) -> None:
    """Who commands it now, and whether we could."""
    name, where = place.point.name, place.where
    if name not in settings.file.write:
        return
    if found.slots is None:
        report.wrong(name, where, "it shows no priority array: it cannot be commanded", "take it out of write:")
        return
    if found.default is None:
        report.wrong(name, where, "it shows no relinquish default", "what would hold after us is not known: ask why")
    if found.blocked is not None:
        report.wrong(name, where, f"it is {found.blocked}", "commands have no effect until somebody changes that")
    for slot, value in enumerate(found.slots, start=1):
        if value is not None and slot < link.priority:
            report.wrong(name, where, f"slot {slot} holds it at {value:g}", "it comes before us: we would stand down")
        elif value is not None and slot == link.priority:
            report.remark(
                name, where, f"our slot {slot} holds {value:g}", "another controller, or one that was killed: which?"
            )
    _check_range(place, answers, report)


def _check_range(place: Place, answers: Answers, report: Report) -> None:
    """Whether the device takes all that our limits permit."""
    target, point = _object(place), place.point
    *ends, step = [as_number(answers[target, name]) for name in _RANGE]
    low, high = (None if end is None else place.conversion.to_building(end) for end in ends)
    if (low is not None and low > _up(point.low)) or (high is not None and high < _down(point.high)):
        report.wrong(
            point.name,
            place.where,
            f"it takes {_end(low)} to {_end(high)} {point.unit}, our limits are {point.low:g} to {point.high:g}",
            "narrow low and high in the building file",
        )
    if step is not None and step > place.resolution and step > _up(0.0):
        words = f"it has steps of {step:g} {place.unit}"
        report.remark(point.name, place.where, words, f"if it rounds what is written: resolution: {step:g}")


def _check_heartbeat(line: BacnetLine, heartbeat: ObjectId, report: Report) -> None:
    answer = line.read({heartbeat: (PRESENT_VALUE,)})[heartbeat, PRESENT_VALUE]
    if isinstance(answer, Refused):
        report.wrong("heartbeat", str(heartbeat), answer.words, "an analog value that may be written")


def _object(place: Place) -> ObjectId:
    assert place.object is not None  # the site file has been checked: all points are on BACnet
    return place.object


def _end(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def _up(value: float) -> float:
    """The next float32: a device cannot say a limit more exactly."""
    return float(np.nextafter(np.float32(value), np.float32(np.inf)))


def _down(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(-np.inf)))

"""The rule-based controllers of an office. Their parameters come from the building file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Point, Reading, Setpoints
from airhandler.buildings.settings import WorkdayFile

_MINUTES_PER_H = 60.0

# Kelvins above the cooling set-point at which a zone sends two and three requests; below, `request_k` sends one where
# the guideline looks at the zone's cooling loop. Source: ASHRAE Guideline 36-2021, 5.6.8.1.
_MANY_REQUESTS_K = ((3.0, 3), (2.0, 2))

# Requests that are ignored; outdoors, where the supply air begins to be kept from its warm end and where it is at its
# cold end whatever is asked. Source: ASHRAE Guideline 36-2021, 5.16.2.2 (I; 16 and 21 degC).
_IGNORED_REQUESTS = 2
_OUTDOOR_LOW_C, _OUTDOOR_HIGH_C = 16.0, 21.0


class Band(NamedTuple):
    """Between which temperatures a zone is left alone [degC]."""

    heating_c: float
    cooling_c: float


@dataclass(frozen=True, kw_only=True, slots=True)
class OfficeConstantParameters:
    """Set-points that never change, the same in every zone.

    Attributes:
        heating_c: heating set-point [degC].
        cooling_c: cooling set-point [degC].
        supply_c: supply-air temperature of every air handler [degC].
    """

    heating_c: float
    cooling_c: float
    supply_c: float


class OfficeConstant:
    """The same set-points by day and by night."""

    name = "constant"

    def __init__(self, building: Building, parameters: OfficeConstantParameters) -> None:
        self._building, self._band = building, Band(parameters.heating_c, parameters.cooling_c)
        self._supply_c = dict.fromkeys(air_handlers(building), parameters.supply_c)

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, reading: Reading) -> Setpoints:
        """The constant."""
        return office_setpoints(self._building, reading, self._band, self._supply_c)


@dataclass(frozen=True, kw_only=True, slots=True)
class DayAndNightParameters:
    """One band while people are expected, a wider one else.

    Attributes:
        heating_c: heating set-point while people are expected [degC].
        cooling_c: cooling set-point while people are expected [degC].
        setback_heating_c: heating set-point else [degC].
        setback_cooling_c: cooling set-point else [degC].
        lead_h: how long before the first come the band begins: the optimum start, as one fixed time [h].
        coast_h: how long before the last have gone it ends [h].
    """

    heating_c: float
    cooling_c: float
    setback_heating_c: float
    setback_cooling_c: float
    lead_h: float
    coast_h: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SetbackParameters(DayAndNightParameters):
    """As above, with a constant supply air.

    Attributes:
        supply_c: supply-air temperature of every air handler [degC].
    """

    supply_c: float


class DayAndNight:
    """Which band holds when. Raises UserError for a building that does not say when people come."""

    def __init__(self, building: Building, parameters: DayAndNightParameters) -> None:
        p = parameters
        self._workday, self._p = _workday(building), p
        self._day, self._night = Band(p.heating_c, p.cooling_c), Band(p.setback_heating_c, p.setback_cooling_c)

    def band(self, reading: Reading) -> Band:
        """The band of now. Raises KeyError without a reading of the calendar."""
        day, now_h = self._workday, reading.time.hour + reading.time.minute / _MINUTES_PER_H
        expected = day.begin_h - self._p.lead_h <= now_h < day.end_h - self._p.coast_h
        return self._day if expected and reading[day.point] > 0.0 else self._night


class Setback:
    """The occupied band on workdays, from some time before people come; a wide one else."""

    name = "setback"

    def __init__(self, building: Building, parameters: SetbackParameters) -> None:
        self._building, self._when = building, DayAndNight(building, parameters)
        self._supply_c = dict.fromkeys(air_handlers(building), parameters.supply_c)

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, reading: Reading) -> Setpoints:
        """Today's band, or the setback. Raises KeyError without a reading."""
        return office_setpoints(self._building, reading, self._when.band(reading), self._supply_c)


@dataclass(frozen=True, kw_only=True, slots=True)
class OfficeTrimRespondParameters(DayAndNightParameters):
    """The setback, and supply air by ASHRAE Guideline 36 trim and respond, per control step.

    Attributes:
        request_k: kelvins above its cooling set-point at which a zone makes its first request [K].
        trim_k: rise of the warmest supply air per step without requests [K].
        respond_k: its fall per request that is not ignored, and step [K].
        respond_max_k: greatest fall per step [K].
    """

    request_k: float
    trim_k: float
    respond_k: float
    respond_max_k: float


class OfficeTrimRespond:
    """The setback's bands; every air handler's supply air as warm as its zones and the weather let it be.

    Source: ASHRAE Guideline 36-2021, 5.16.2.2 (supply air by outdoor temperature below a limit that trim and respond
    moves), 5.6.8.1 (requests of the zones).
    """

    name = "trim-respond"

    def __init__(self, building: Building, parameters: OfficeTrimRespondParameters) -> None:
        self._building, self._p, self._when = building, parameters, DayAndNight(building, parameters)
        self._handlers = air_handlers(building)
        self._warmest_c = self._start_c()

    def reset(self) -> None:
        """Back to the start value, the warm end."""
        self._warmest_c = self._start_c()

    def propose(self, reading: Reading) -> Setpoints:
        """One trim, or one response to the requests of its zones, for every air handler. Raises KeyError."""
        band = self._when.band(reading)
        outdoor_c = reading[self._building.file.outdoor_temp]
        for name, (point, zone_temps) in self._handlers.items():
            requests = sum(self._requests(reading[temp] - band.cooling_c) for temp in zone_temps)
            wanted_c = self._warmest_c[name] + self._change_k(requests)
            self._warmest_c[name] = min(point.high, max(point.low, wanted_c))
        supply_c = {name: reset_c(outdoor_c, h.point.low, self._warmest_c[name]) for name, h in self._handlers.items()}
        return office_setpoints(self._building, reading, band, supply_c)

    def _requests(self, above_k: float) -> int:
        for limit_k, requests in _MANY_REQUESTS_K:
            if above_k > limit_k:
                return requests
        return int(above_k > self._p.request_k)

    def _change_k(self, requests: int) -> float:
        heard = requests - _IGNORED_REQUESTS
        return -min(self._p.respond_k * heard, self._p.respond_max_k) if heard > 0 else self._p.trim_k

    def _start_c(self) -> dict[str, float]:
        return {name: handler.point.high for name, handler in self._handlers.items()}


def reset_c(outdoor_c: float, coldest_c: float, warmest_c: float) -> float:
    """Supply air: the warmest on cool days, the coldest on hot ones, a line between [degC].

    Source: ASHRAE Guideline 36-2021, 5.16.2.2.
    """
    share = (outdoor_c - _OUTDOOR_LOW_C) / (_OUTDOOR_HIGH_C - _OUTDOOR_LOW_C)
    return warmest_c + min(1.0, max(0.0, share)) * (coldest_c - warmest_c)


class AirHandler(NamedTuple):
    """A supply-air set-point, and the temperatures of the zones that it serves."""

    point: Point
    zone_temps: Sequence[str]


def air_handlers(building: Building) -> dict[str, AirHandler]:
    """Every supply-air set-point of an office by name; none where it has none."""
    served: dict[str, list[str]] = {}
    for zone in building.comfort_zones.values():
        if zone.supply_temp_setpoint is not None:
            served.setdefault(zone.supply_temp_setpoint, []).append(zone.zone_temp)
    return {name: AirHandler(building.point(name), temps) for name, temps in served.items()}


def office_setpoints(building: Building, reading: Reading, band: Band, supply_c: Mapping[str, float]) -> Setpoints:
    """One band for all zones, supply air by air handler, within the limits; the rest held."""
    wanted = {**building.held(reading), **supply_c}
    for zone in building.comfort_zones.values():
        wanted[zone.heating_setpoint], wanted[zone.cooling_setpoint] = band
    return Setpoints({p.name: min(p.high, max(p.low, wanted[p.name])) for p in building.setpoints})


def _workday(building: Building) -> WorkdayFile:
    if building.file.workday is None:
        raise UserError(
            f"{building.id}: 'workday' must be given in the building file: the rule has to know when people come"
        )
    return building.file.workday

"""What a Tick says as numbers in base units, with labels: the part of the metrics that needs no library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from airhandler.buildings.catalog import Building
from airhandler.buildings.comfort import COMFORT
from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Point, Setpoints
from airhandler.buildings.site import Written
from airhandler.control.tick import Stage, Tick
from airhandler.safety.confidence import Confidence
from airhandler.safety.intake import ProposalCheck, as_number
from airhandler.safety.operator_limits import OperatorLimits
from airhandler.safety.power_caps import CoolingPowerCap, FanPowerCap
from airhandler.safety.rules import hard_rules, soft_rules
from airhandler.safety.sensors import SensorCheck

# Unit of a point -> (unit in a metric's name, factor). Prometheus wants base units: `promtool check metrics`
# refuses kilograms. Source: Prometheus documentation, "Metric and label naming", base units.
UNITS: Mapping[str, tuple[str, float]] = {
    "degC": ("celsius", 1.0),
    "K": ("kelvin", 1.0),
    "W": ("watts", 1.0),
    "kW": ("watts", 1e3),
    "kg/s": ("grams_per_second", 1e3),
    "m3/s": ("cubic_meters_per_second", 1.0),
    "Pa": ("pascals", 1.0),
    "W/m2": ("watts_per_square_meter", 1.0),
    "people": ("people", 1.0),
    "1": ("ratio", 1.0),
    "%": ("ratio", 0.01),
    "m/s": ("meters_per_second", 1.0),
    "USD/kWh": ("usd_per_joule", 1.0 / 3.6e6),
    "kg/kWh": ("grams_per_joule", 1e3 / 3.6e6),
}
_NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Where the values of one point go.

    Attributes:
        point: the point's name.
        unit: base unit, as the metric's name ends.
        factor: the point's unit in base units.
        zone: id of the zone that it plays a part in, or empty.
        part: the part that it plays in its zone or in the building (`inlet_temp`, `total`), or empty.
    """

    point: str
    unit: str
    factor: float
    zone: str
    part: str

    @property
    def labels(self) -> tuple[str, str, str]:
        """Values of the labels `point`, `zone` and `part`."""
        return self.point, self.zone, self.part


LABELS = ("point", "zone", "part")


def series_of(building: Building) -> tuple[Series, ...]:
    """One Series for every point. Raises UserError for a unit that has no base unit here."""
    parts = _parts(building)
    return tuple(_series(building, p, *parts.get(p.name, ("", ""))) for p in building.points)


def numbers(series: Iterable[Series], values: Mapping[str, object]) -> Iterator[tuple[Series, float]]:
    """The points that have a finite value, in base units. An absent value gives nothing, never a zero."""
    for one in series:
        value = as_number(values.get(one.point))
        if value is not None:
            yield one, value * one.factor


def proposed(tick: Tick) -> Mapping[str, object]:
    """What the controller asked for; nothing when it was not asked, or gave something else."""
    wanted: object = tick.proposal.setpoints if tick.proposal else _NOTHING
    return wanted.by_name if isinstance(wanted, Setpoints) else _NOTHING


def applied(tick: Tick, stage: Stage) -> Mapping[str, object]:
    """What is in force by our command; nothing while the building's own control has authority."""
    confirmed = stage in ("live", "advisory") and isinstance(tick.outcome, Written) and tick.verdict is not None
    return tick.verdict.setpoints.by_name if confirmed and tick.verdict else _NOTHING


def rule_names(building: Building) -> tuple[str, ...]:
    """Rules that are counted from the start: a counter that first appears at 1 hides its first increase."""
    named = (rule.name for rule in (*hard_rules(building), *soft_rules(building)))
    by_hand = (OperatorLimits.name, FanPowerCap.name, CoolingPowerCap.name)
    return tuple(dict.fromkeys((*named, *by_hand, Confidence.name, SensorCheck.name, ProposalCheck.name)))


def inlet_limits_c(building: Building) -> dict[str, float]:
    """Limits of the building's thermal class at the inlets [degC]; none where there are no servers."""
    if not building.zones:
        return {}
    limits = THERMAL_CLASSES[building.file.shield.inlet_class]
    return {
        "recommended_low": limits.recommended.low_c,
        "recommended_high": limits.recommended.high_c,
        "allowable_low": limits.allowable.low_c,
        "allowable_high": limits.allowable.high_c,
    }


def comfort_limits_c(building: Building) -> dict[str, float]:
    """Limits of the building's category of comfort where people are [degC]; none in a data centre."""
    if not building.comfort_zones:
        return {}
    limits = COMFORT[building.file.shield.comfort_category]
    return {"low": limits.low_c, "high": limits.high_c}


def _series(building: Building, point: Point, zone: str, part: str) -> Series:
    if point.unit not in UNITS:
        raise UserError(f"{building.id}: {point.name}: unit {point.unit!r} has no metric; known: {', '.join(UNITS)}")
    unit, factor = UNITS[point.unit]
    return Series(point=point.name, unit=unit, factor=factor, zone=zone, part=part)


def _parts(building: Building) -> dict[str, tuple[str, str]]:
    """Point name -> (zone, part)."""
    kinds = (building.zones, building.comfort_zones)
    roles = [(zone, part, name) for zones in kinds for zone, r in zones.items() for part, name in r.named().items()]
    places = Counter(name for _, _, name in roles)
    zonal = {name: (zone if places[name] == 1 else "", part) for zone, part, name in roles}
    meters = {name: ("", part) for part, name in building.file.meters.named().items()}
    return {building.file.outdoor_temp: ("", "outdoor_temp"), **meters, **zonal}

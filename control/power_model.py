"""What electricity would have been under other set-points: models that are linear in features of the air.

Each part of the electricity is a sum of features with coefficients that are fitted on the record. The features are
physical, so that weather, which varies by itself, tells what set-points, which the building's own control may hardly
move, would change:

- supply fans: a constant, airflow and airflow cubed. Source: fan laws; ASHRAE Handbook HVAC Systems and Equipment 2020,
  chapter 21 (secondary).
- cooling, all of HVAC but the fans: a constant and the heat to be taken from the air, m (T - T_supply), with T the
  return air (no economiser), or the cooler of return and outdoor air, this one as it is or cooled by evaporation, some
  way or all of it to its wet bulb. Source: ASHRAE Handbook HVAC Systems and Equipment 2020, chapter 41 (secondary);
  where a chilled-water plant is metered, it is a part of its own, and its heat has a price that follows the water
  (water_side.py); there, heaters of basins and pipes go with frost;
- servers: what their type draws at a load and an inlet, times the installed power; without a type a constant, load and
  inlet temperature. Source: buildings/servers.py.

Coefficients are 0 or more: more air, more heat and warmer inlets never use less. An office has one part, all of its
electricity, in the set-points themselves: it is only believed where its own control has moved them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from airhandler.buildings.known import Array
from airhandler.buildings.servers import ServerType, airflow_terms, power_terms

from .beside import Beside
from .counterfactual import Counterfactual, ZoneSteps
from .water_side import CHILLED_SETPOINT, CONDENSER_SETPOINT, PLANT_METER, Water, price, waters, why_unknown

_EVAPORATIVE_FRACS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the way to the wet bulb; the fit finds which there are
_FROST_C = 5.0  # of outdoor air, below which basins and pipes are heated
_KNOTS_C = (0.0, 10.0, 18.0, 26.0)  # where the electricity of an office may bend over the outdoor temperature


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One part of the electricity.

    Attributes:
        name: in words.
        power_w: measured in each step [steps].
        stood: features of what was [steps, features].
        asked: features of what would have been [steps, features].
        signed: whether coefficients may be negative.
        physical: whether the features say by physics what a set-point does, else by the record's own variation alone.
        unsure: how much of `asked` rests on shares that no record tells [steps, features]; None for nothing.
    """

    name: str
    power_w: Array
    stood: Array
    asked: Array
    signed: bool = False
    physical: bool = True
    unsure: Array | None = None


def parts_of(run: Beside, air: Counterfactual | None) -> tuple[Part, ...]:
    """The parts that a building's electricity has; `air` of one with server zones."""
    return tuple(_of_centre(run, air) if air is not None else _of_office(run))


def unpriced(run: Beside, air: Counterfactual | None) -> tuple[str, ...]:
    """Set-points that no feature knows of, though the controller would have moved them."""
    if air is None:
        return ()
    zones = run.building.zones.values()
    known = {name for zone in zones for name in (zone.supply_temp_setpoint, zone.supply_flow_setpoint)}
    if not why_unknown(run, air.asked):
        known |= {CHILLED_SETPOINT, CONDENSER_SETPOINT}
    moved = [p.name for p in run.building.setpoints if p.name not in known and _moved(run, p.name)]
    return tuple(moved)


def _moved(run: Beside, name: str) -> bool:
    """Whether the two differ, or nobody knows."""
    apart = np.abs(run.asked[name] - run.stood[name])
    point = run.building.point(name)
    return (
        not bool((apart[np.isfinite(apart)] <= 1e-3 * (point.high - point.low)).all()) or not np.isfinite(apart).any()
    )


def _of_centre(run: Beside, air: Counterfactual) -> Iterator[Part]:
    meters = run.building.file.meters
    fans_w = run.during(meters.fans)
    yield Part(
        name="supply fans",
        power_w=fans_w,
        stood=_fan_features(air.stood),
        asked=_fan_features(air.asked),
    )
    yield from _cooling(run, air, run.during(meters.hvac) - fans_w)
    servers = run.building.servers
    yield Part(
        name="servers",
        power_w=run.during(meters.it),
        stood=_server_features(run, servers, air.stood),
        asked=_server_features(run, servers, air.asked),
        physical=servers is not None,
    )


def _cooling(run: Beside, air: Counterfactual, cooling_w: Array) -> Iterator[Part]:
    """One part, or two where a chilled-water plant has a meter of its own."""
    stood, asked = _cooling_features(run, air.stood), _cooling_features(run, air.asked)
    both = waters(run)
    if both is None:
        yield Part(name="cooling", power_w=cooling_w, stood=stood, asked=asked)
        return
    plant_w, was, would = run.during(PLANT_METER), *both
    yield Part(name="cooling of air", power_w=cooling_w - plant_w, stood=stood, asked=asked)
    with_its_water = _plant_features(run, asked, would)
    yield Part(
        name="chilled water",
        power_w=plant_w,
        stood=_plant_features(run, stood, was),
        asked=with_its_water,
        unsure=with_its_water - _plant_features(run, asked, was),
    )


def _plant_features(run: Beside, cooling: Array, water: Water) -> Array:
    """A constant, frost, and every heat at the price that the water makes."""
    frost_k = np.maximum(0.0, _FROST_C - run.during(run.building.file.outdoor_temp))
    heats = cooling[:, 1:] * price(water, run.wet_bulb_c)[:, np.newaxis]
    return np.concatenate([cooling[:, :1], frost_k[:, np.newaxis], heats], axis=1)


def _fan_features(zones: Sequence[ZoneSteps]) -> Array:
    flow, cubed = (sum(zone.flow_kg_s**power for zone in zones) for power in (1, 3))
    return np.stack([np.ones_like(flow), flow, cubed], axis=1)


def _cooling_features(run: Beside, zones: Sequence[ZoneSteps]) -> Array:
    """Heat over cp, of all zones: cp is in the coefficients."""
    outdoor_c, wet_bulb_c = run.during(run.building.file.outdoor_temp), run.wet_bulb_c
    shares = _EVAPORATIVE_FRACS if np.isfinite(wet_bulb_c).any() else (0.0,)
    sources_c = [outdoor_c if share == 0.0 else outdoor_c - share * (outdoor_c - wet_bulb_c) for share in shares]
    sources_c.append(np.full_like(outdoor_c, np.inf))
    heats = [sum(_heat_k_kg_s(zone, np.minimum(source_c, zone.hot_c)) for zone in zones) for source_c in sources_c]
    return np.stack([np.ones_like(outdoor_c), *heats], axis=1)


def _heat_k_kg_s(zone: ZoneSteps, from_c: Array) -> Array:
    return np.maximum(0.0, from_c - zone.supply_c) * zone.flow_kg_s


def _server_features(run: Beside, servers: ServerType | None, zones: Sequence[ZoneSteps]) -> Array:
    load = run.load_frac
    assert load is not None
    inlet_c = np.mean([zone.inlet_c for zone in zones], axis=0)
    if servers is None:
        return np.stack([np.ones_like(load), load, inlet_c], axis=1)
    shares = [_plug_frac(servers, load, zone.inlet_c) for zone in zones]
    return np.sum(shares, axis=0)[:, np.newaxis] / len(shares)


def _plug_frac(servers: ServerType, load_frac: Array, inlet_c: Array) -> Array:
    """`ServerType.power_w` for arrays, of one watt installed."""
    constant, load, temp = power_terms(servers)
    cpu = np.maximum(0.0, constant + load * load_frac + temp * inlet_c) * (1.0 - servers.fans.frac)
    constant, load, temp, temp_2 = airflow_terms(servers)
    flow = constant + load * load_frac + temp * inlet_c + temp_2 * inlet_c**2
    flow = np.clip(flow, 0.0, min(servers.most_airflow_frac, servers.fans.most_flow_frac))
    return np.asarray((cpu + servers.fans.frac * flow**servers.fans.exponent) * servers.plug_ratio)


def _of_office(run: Beside) -> Iterator[Part]:
    """One part: everything that is bought, by weather, time of day and the set-points of each kind."""
    meters = run.building.file.meters
    names = [name for name in (meters.hvac, meters.it, meters.other, meters.gas) if name]
    around = _around(run)
    yield Part(
        name="all energy",
        power_w=np.sum([run.during(name) for name in names], axis=0),
        stood=np.concatenate([around, _by_kind(run, stood=True)], axis=1),
        asked=np.concatenate([around, _by_kind(run, stood=False)], axis=1),
        signed=True,
        physical=False,
    )


def _around(run: Beside) -> Array:
    """What set-points do not change: weather, hour and day of the week."""
    outdoor_c, time = run.during(run.building.file.outdoor_temp), run.table.local_time[1:]
    hour = time.astype("datetime64[h]").astype(np.int64) % 24
    workday = (time.astype("datetime64[D]").astype(np.int64) + 3) % 7 < 5  # 1970-01-01 was a Thursday
    columns = [np.ones_like(outdoor_c), outdoor_c]
    columns += [np.maximum(0.0, outdoor_c - knot) for knot in _KNOTS_C]
    columns += [(workday & (hour == h)).astype(float) for h in range(24)]
    columns += [(hour == h).astype(float) for h in range(1, 24)]
    return np.stack(columns, axis=1)


def _kinds(run: Beside) -> dict[str, list[str]]:
    """Set-points that play one part in every zone, by that part."""
    zones = run.building.comfort_zones.values()
    parts = ("heating_setpoint", "cooling_setpoint", "supply_temp_setpoint")
    kinds = {part: [name for zone in zones if (name := getattr(zone, part))] for part in parts}
    known = {name for names in kinds.values() for name in names}
    others = {p.name: [p.name] for p in run.building.setpoints if p.name not in known}
    return {part: list(dict.fromkeys(names)) for part, names in kinds.items() if names} | others


def _by_kind(run: Beside, *, stood: bool) -> Array:
    values = run.stood if stood else run.asked
    return np.stack([np.mean([values[name] for name in names], axis=0) for names in _kinds(run).values()], axis=1)

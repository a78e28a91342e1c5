"""The air of server zones as it was, and as it would have been under the set-points that a controller asked for.

The heat that the air carries off stays, the servers draw by their own curve where the building file names their type,
and the inlets follow the balance of safety/prediction.py with the leak and the bias that a Forecaster learned from the
record, tick by tick. A controller that asks for airflow as a multiple of what the servers draw (`per` in the building
file) would go on doing so: its airflow is scaled with theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.known import Array
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.servers import ServerType, airflow_terms
from airhandler.buildings.settings import ZoneRoles
from airhandler.safety.forecaster import Forecaster
from airhandler.safety.prediction import balance_c

from .beside import Beside

_ROUNDS = 6  # until inlets and airflow agree: each round leaves a tenth of the rest


@dataclass(frozen=True, kw_only=True, eq=False)
class ZoneSteps:
    """Air of one zone [steps].

    Attributes:
        supply_c: supply air [degC].
        flow_kg_s: supply airflow [kg/s].
        hot_c: hot side [degC].
        inlet_c: at the servers [degC].
    """

    supply_c: Array
    flow_kg_s: Array
    hot_c: Array
    inlet_c: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """What a Forecaster learned on the way, as it was known when each step began.

    Attributes:
        leak_frac: [steps, zones].
        bias_k: [steps, zones].
        bound_k: error that 95 % keep, of the last step ahead [steps, zones].
        error_k: measured less predicted for that [steps, zones].
    """

    leak_frac: Array
    bias_k: Array
    bound_k: Array
    error_k: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Counterfactual:
    """Both airs, zone by zone, and what the prediction of the second rests on."""

    stood: tuple[ZoneSteps, ...]
    asked: tuple[ZoneSteps, ...]
    learned: Learned


def counterfactual(run: Beside) -> Counterfactual:
    """Of a building with server zones."""
    learned = learn(run)
    zones = [
        (zone, learned.leak_frac[:, i], learned.bias_k[:, i]) for i, zone in enumerate(run.building.zones.values())
    ]
    stood = tuple(_stood(run, zone) for zone, _, _ in zones)
    with np.errstate(all="ignore"):
        asked = tuple(_asked(run, z, was, leak, bias) for (z, leak, bias), was in zip(zones, stood, strict=True))
    return Counterfactual(stood=stood, asked=asked, learned=learned)


def learn(run: Beside) -> Learned:
    """Shows the record to a Forecaster, with the set-points of the building's own control where the site told them."""
    forecaster, table = Forecaster(run.building), run.table
    told = {name: column.tolist() for name, column in table.incumbent.items()}
    in_force: Setpoints | None = None
    measured = {name: table.measured[name].tolist() for name in forecaster.points}
    leak, bias, bound, error = [], [], [], []
    for tick, time in enumerate(table.time):
        forecaster.observe(Reading(time=time, values={n: column[tick] for n, column in measured.items()}), in_force)
        in_force = Setpoints({n: v for n, column in told.items() if not math.isnan(v := column[tick])}) or None
        known, scored = forecaster.forecast, forecaster.scored
        if known is None or scored is None:
            continue
        leak.append(known.leak_frac)
        bias.append(known.bias_k)
        bound.append(known.bound_k[-1])
        error.append(scored.error_k[-1])
    return Learned(
        leak_frac=np.array(leak)[:-1],
        bias_k=np.array(bias)[:-1],
        bound_k=np.array(bound)[:-1],
        error_k=np.array(error)[1:],
    )


def _stood(run: Beside, zone: ZoneRoles) -> ZoneSteps:
    return ZoneSteps(
        supply_c=run.during(zone.supply_temp),
        flow_kg_s=run.during(zone.supply_flow),
        hot_c=run.during(zone.zone_temp),
        inlet_c=run.during(zone.inlet_temp),
    )


def _asked(run: Beside, zone: ZoneRoles, was: ZoneSteps, leak_frac: Array, bias_k: Array) -> ZoneSteps:
    """What the balances make of other set-points."""
    supply_c, wanted = run.asked[zone.supply_temp_setpoint], run.asked[zone.supply_flow_setpoint]
    point = run.building.point(zone.supply_flow_setpoint)
    drawn, load = run.during(zone.server_flow), run.during(zone.it_load)
    heat_k_kg_s = np.maximum(0.0, was.hot_c - was.supply_c) * np.maximum(0.0, was.flow_kg_s)
    servers, follows = run.building.servers, _follows(run.building, zone)
    flow, inlet_c, grown = wanted, was.inlet_c, np.ones_like(wanted)
    for _ in range(_ROUNDS):
        hot_c = supply_c + heat_k_kg_s / flow
        inlet_c = balance_c(leak_frac, hot_c, supply_c, flow, drawn * grown) + bias_k
        if servers is not None:
            grown = _airflow_frac(servers, load, inlet_c) / _airflow_frac(servers, load, was.inlet_c)
            flow = np.clip(wanted * grown, point.low, point.high) if follows else wanted
    return ZoneSteps(supply_c=supply_c, flow_kg_s=flow, hot_c=supply_c + heat_k_kg_s / flow, inlet_c=inlet_c)


def _follows(building: Building, zone: ZoneRoles) -> bool:
    """Whether airflow is asked for as a multiple of what the servers draw."""
    return any(a.setpoint == zone.supply_flow_setpoint and a.per == zone.server_flow for a in building.actions)


def _airflow_frac(servers: ServerType, load_frac: Array, inlet_c: Array) -> Array:
    """`ServerType.airflow_frac` for arrays."""
    constant, load, temp, temp_2 = airflow_terms(servers)
    frac = constant + load * load_frac + temp * inlet_c + temp_2 * inlet_c**2
    return np.clip(frac, 1e-6, servers.most_airflow_frac)

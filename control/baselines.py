"""The rule-based controllers that a learned one must beat. Their parameters come from the building file."""

from __future__ import annotations

from dataclasses import dataclass

from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.settings import ZoneRoles


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstantParameters:
    """Set-points that never change; any that a server zone does not have stays where the building file holds it.

    Attributes:
        supply_c: supply-air temperature of every zone [degC].
        airflow_frac: airflow as a share of the way from low to high of each zone's set-point, 0..1.
    """

    supply_c: float
    airflow_frac: float


class Constant:
    """The same set-points in every step."""

    name = "constant"

    def __init__(self, building: Building, parameters: ConstantParameters) -> None:
        values: dict[str, float] = {}
        for zone in building.zones.values():
            flow = building.point(zone.supply_flow_setpoint)
            values[zone.supply_temp_setpoint] = parameters.supply_c
            values[zone.supply_flow_setpoint] = flow.low + parameters.airflow_frac * (flow.high - flow.low)
        self._building, self._values = building, values

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, reading: Reading) -> Setpoints:
        """The constant."""
        return Setpoints(self._building.held(reading) | self._values)


@dataclass(frozen=True, kw_only=True, slots=True)
class OutdoorResetParameters:
    """Supply air by outdoor temperature, airflow by what the servers draw.

    Attributes:
        supply_cold_c: supply-air temperature at and below `outdoor_low_c` [degC].
        supply_warm_c: supply-air temperature at and above `outdoor_low_c + outdoor_span_k` [degC].
        outdoor_low_c: where the reset begins [degC].
        outdoor_span_k: over how many kelvins it goes; near 0 is a switch [K].
        flow_ratio: supply airflow per server airflow [1].
    """

    supply_cold_c: float
    supply_warm_c: float
    outdoor_low_c: float
    outdoor_span_k: float
    flow_ratio: float


class OutdoorReset:
    """Cool air while it is free, warm air while coils work; airflow follows the servers."""

    name = "outdoor-reset"

    def __init__(self, building: Building, parameters: OutdoorResetParameters) -> None:
        self._building, self._p = building, parameters

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, reading: Reading) -> Setpoints:
        """Supply air on the line between cold and warm; airflow by ratio. Raises KeyError without a reading."""
        p = self._p
        above_k = reading[self._building.file.outdoor_temp] - p.outdoor_low_c
        share = min(1.0, max(0.0, above_k / max(p.outdoor_span_k, 1e-6)))
        supply_c = p.supply_cold_c + share * (p.supply_warm_c - p.supply_cold_c)
        return follow_servers(self._building, reading, supply_c, p.flow_ratio)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrimRespondParameters:
    """ASHRAE Guideline 36 trim and respond on the worst inlet, per control step.

    Attributes:
        target_c: an inlet above it makes a request; another for every further `request_k` [degC].
        request_k: kelvins a request [K].
        trim_k: supply-air rise per step without requests [K].
        respond_k: supply-air fall per request and step [K].
        respond_max_k: greatest fall per step [K].
        flow_ratio: supply airflow per server airflow [1].
    """

    target_c: float
    request_k: float
    trim_k: float
    respond_k: float
    respond_max_k: float
    flow_ratio: float


class TrimRespond:
    """Raises the supply-air temperature until an inlet asks for cooler air, then gives way.

    Source: ASHRAE Guideline 36-2021, 5.1.14.4 (trim and respond); in a data hall no request is ignored (I = 0).
    """

    name = "trim-respond"

    def __init__(self, building: Building, parameters: TrimRespondParameters) -> None:
        self._building, self._p = building, parameters
        self._supply = building.point(next(iter(building.zones.values())).supply_temp_setpoint)
        self._supply_c = self._start_c = self._supply.low

    def reset(self) -> None:
        """Back to the start value."""
        self._supply_c = self._start_c

    def propose(self, reading: Reading) -> Setpoints:
        """One trim, or one response to the requests of all zones. Raises KeyError without a reading."""
        p = self._p
        over_k = [reading[zone.inlet_temp] - p.target_c for zone in self._building.zones.values()]
        requests = sum(1 + int(k / p.request_k) for k in over_k if k > 0)
        change_k = -min(p.respond_k * requests, p.respond_max_k) if requests else p.trim_k
        self._supply_c = min(self._supply.high, max(self._supply.low, self._supply_c + change_k))
        return follow_servers(self._building, reading, self._supply_c, p.flow_ratio)


def follow_servers(building: Building, reading: Reading, supply_c: float, flow_ratio: float) -> Setpoints:
    """One supply-air temperature for all zones, in each an airflow in proportion to its servers', the rest held."""

    def value(zone: ZoneRoles, name: str) -> float:
        point = building.point(name)
        wanted = supply_c if name == zone.supply_temp_setpoint else flow_ratio * reading[zone.server_flow]
        return min(point.high, max(point.low, wanted))

    return Setpoints(
        building.held(reading)
        | {
            name: value(zone, name)
            for zone in building.zones.values()
            for name in (zone.supply_temp_setpoint, zone.supply_flow_setpoint)
        }
    )

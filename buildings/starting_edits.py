"""The edits that make a data centre's zones controllable, and airflow matter at the inlets of their servers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from .epjson import Epjson, Fields, find
from .inspection import AirLoopFound, ManagerFound
from .starting_points import Raw

ITE = "ElectricEquipment:ITE:AirCooled"
LEAK_FRAC = 0.05  # of a contained aisle, as in models/datacentre-dx.yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerZone:
    """A zone with servers, and what conditions it.

    Attributes:
        id: its id in the building file.
        name: its name in the model.
        servers: names of its server objects; the first one's inlet is watched.
        node: where supply air enters it.
        loop: the air loop that it has for itself.
        fan: the supply fan of that loop.
        max_flow_kg_s: greatest airflow of that fan.
        managers: those that hold the supply temperature now.
    """

    id: str
    name: str
    servers: tuple[str, ...]
    node: str
    loop: AirLoopFound
    fan: str
    max_flow_kg_s: float
    managers: tuple[ManagerFound, ...]


def zone_edits(model: Epjson, rooms: Collection[ServerZone]) -> list[Raw]:
    """What makes the zones controllable, and airflow matter."""
    edits = [_scheduled(rooms), _thermostat_flow(model, rooms), _recirculation(rooms)]
    return [edit for edit in edits if edit]


def _scheduled(rooms: Collection[ServerZone]) -> Raw | None:
    """Schedules in the place of managers that compute the supply temperature anew in every step."""
    replaced = [room for room in rooms if own_schedule(room) is None]
    remove: dict[str, list[str]] = {}
    add: Raw = {"Schedule:Constant": {}, "SetpointManager:Scheduled": {}}
    for room in replaced:
        for manager in room.managers:
            remove.setdefault(manager.kind, []).append(manager.name)
        add["Schedule:Constant"][new_schedule(room)] = {"hourly_value": 18.0}
        for number, node in enumerate(dict.fromkeys(node for m in room.managers for node in m.nodes), start=1):
            add["SetpointManager:Scheduled"][f"{new_schedule(room)} {number}"] = {
                "control_variable": "Temperature",
                "schedule_name": new_schedule(room),
                "setpoint_node_or_nodelist_name": node,
            }
    why = (
        "These managers compute the supply-air set-point anew in every step, so that a command to it has no effect. A "
        "schedule can be commanded; at rest it holds 18 degC: put there what the building's own control holds."
    )
    return {"why": why, "remove": remove, "add": add} if replaced else None


def _thermostat_flow(model: Epjson, rooms: Collection[ServerZone]) -> Raw | None:
    names = [n for room in rooms for n in room.servers if _approaches(find(model, ITE, n) or {})]
    why = "Approach temperatures bypass the thermostat by design, and with it supply temperature and airflow."
    fields = {"air_flow_calculation_method": "FlowFromSystem"}
    return {"why": why, "set": {ITE: dict.fromkeys(names, fields)}} if names else None


def _approaches(servers: Fields) -> bool:
    return str(servers.get("air_flow_calculation_method", "")).casefold() == "flowcontrolwithapproachtemperatures"


def _recirculation(rooms: Collection[ServerZone]) -> Raw:
    """Recirculation by mass balance over each zone's cold aisle."""
    add: dict[str, dict[str, Any]] = {}
    for room in rooms:
        for kind, name, fields in _balance(room):
            add.setdefault(kind, {})[name] = fields
    curve = "recirculation_function_of_loading_and_supply_temperature_curve_name"
    servers = {
        name: {
            "air_inlet_connection_type": "AdjustedSupply",
            "supply_air_node_name": room.node,
            "design_recirculation_fraction": 0.5,
            curve: f"{room.name} Recirculation",
        }
        for room in rooms
        for name in room.servers
    }
    why = (
        "What the servers draw beyond the supply comes from the hot side, and a leak always does: "
        "R = max(leak, 1 - (1 - leak) m_supply / m_servers). EnergyPlus multiplies the design fraction (0.5) by the "
        "curve's result, which is therefore commanded to 2 R."
    )
    return {"why": why, "set": {ITE: servers}, "add": add}


def _balance(room: ServerZone) -> list[tuple[str, str, Raw]]:
    """The objects of one zone's mass balance. Source: mass balance over the cold aisle, docs/decisions/0003."""
    z = room.id
    drawn = [f"{z}_m_servers_{number}" for number, _ in enumerate(room.servers, start=1)]
    lines = [
        "SET r = $leak_frac",
        f"SET m = {' + '.join(drawn)}",
        "IF m > 0.001",
        f"SET r = 1.0 - (1.0 - $leak_frac) * {z}_m_supply / m",
        "ENDIF",
        "SET r = @Max r $leak_frac",
        f"SET {z}_recirculation = 2.0 * r",
    ]
    coefficients = ("1_constant", "2_x", "3_x_2", "4_y", "5_y_2", "6_x_y")
    curve = {f"coefficient{name}": 0.0 for name in coefficients} | {"coefficient1_constant": 2 * LEAK_FRAC}
    limits = {
        "minimum_value_of_x": 0.0,
        "maximum_value_of_x": 1.5,
        "minimum_value_of_y": -10.0,
        "maximum_value_of_y": 99.0,
    }
    ems = "EnergyManagementSystem"
    return [
        ("Curve:Biquadratic", f"{room.name} Recirculation", curve | limits),
        (f"{ems}:Sensor", f"{z}_m_supply", _ems_sensor(room.node, "System Node Mass Flow Rate")),
        *(
            (f"{ems}:Sensor", sensor_name, _ems_sensor(name, "ITE Air Mass Flow Rate"))
            for sensor_name, name in zip(drawn, room.servers, strict=True)
        ),
        (f"{ems}:Actuator", f"{z}_recirculation", {
            "actuated_component_unique_name": f"{room.name} Recirculation",
            "actuated_component_type": "Curve",
            "actuated_component_control_type": "Curve Result",
        }),
        (f"{ems}:Program", f"{z}_recirculation_balance", {"lines": [{"program_line": line} for line in lines]}),
        (f"{ems}:ProgramCallingManager", f"{z} recirculation", {
            "energyplus_model_calling_point": "BeginZoneTimestepBeforeInitHeatBalance",
            "programs": [{"program_name": f"{z}_recirculation_balance"}],
        }),
    ]  # fmt: skip


def _ems_sensor(key: str, variable: str) -> Raw:
    return {
        "output_variable_or_output_meter_index_key_name": key,
        "output_variable_or_output_meter_name": variable,
    }


def own_schedule(room: ServerZone) -> str | None:
    """The schedule that holds the supply temperature already, where a scheduled manager does."""
    schedules = [m.schedule for m in room.managers]
    return schedules[0] if all(schedules) and len(set(schedules)) == 1 else None


def new_schedule(room: ServerZone) -> str:
    return f"{room.name} Supply Air Setpoint"

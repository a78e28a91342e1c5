"""What an EnergyPlus model holds that matters to whoever wants to control it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from .epjson import Epjson, Fields, find, objects, texts
from .errors import SimulationError
from .floors import floor_areas_m2
from .model_file import read_model
from .names import NO_NAMES, matching, names_in
from .topology import Part, nodes, parts, served_zones, whose_outlet, zones
from .traps import Trap, traps
from .weather import Weather


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneFound:
    """One zone.

    Attributes:
        name: its name in the model.
        floor_area_m2: its floor area; None where no surface of it is a floor.
        people: how many it is designed for; None where that cannot be told without its area.
        it_equipment: names of the servers in it.
        air_loop: the air loop that serves it; empty if none does.
        thermostat: the thermostat that controls it; empty if none does.
        equipment: terminals and other equipment in it.
    """

    name: str
    floor_area_m2: float | None
    people: float | None
    it_equipment: tuple[str, ...]
    air_loop: str
    thermostat: str
    equipment: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItFound:
    """Servers of one zone: `ElectricEquipment:ITE:AirCooled`."""

    name: str
    zone: str
    design_power: str
    airflow_method: str
    inlet: str
    recirculation_frac: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AirLoopFound:
    """One air loop: the zones it serves, and what it is made of."""

    name: str
    zones: tuple[str, ...]
    supply_nodes: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagerFound:
    """One set-point manager.

    Attributes:
        kind: its EnergyPlus type.
        name: its name.
        variable: what it sets at its nodes, for example `Temperature`.
        nodes: where.
        controls: what these nodes are the outlet of, in words.
        schedule: the schedule that it follows; empty if it computes its set-point from something else.
    """

    kind: str
    name: str
    variable: str
    nodes: tuple[str, ...]
    controls: tuple[str, ...]
    schedule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ThermostatFound:
    """One thermostat, with the schedules of its set-points."""

    name: str
    zones: tuple[str, ...]
    heating_schedules: tuple[str, ...]
    cooling_schedules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleFound:
    """One schedule, and the objects that follow it."""

    kind: str
    name: str
    used_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """A model, as someone who wants to control it sees it."""

    kind: Literal["data centre", "office"]
    zones: tuple[ZoneFound, ...]
    it_equipment: tuple[ItFound, ...]
    air_loops: tuple[AirLoopFound, ...]
    setpoint_managers: tuple[ManagerFound, ...]
    thermostats: tuple[ThermostatFound, ...]
    fans: tuple[Part, ...]
    coils: tuple[Part, ...]
    water_side: tuple[Part, ...]
    schedules: tuple[ScheduleFound, ...]
    design_days: tuple[str, ...]
    traps: tuple[Trap, ...]


Row = dict[str, Any]


def inspection_row(path: Path, weather: Weather, *, actuators: str = "", variables: str = "") -> Row:
    """All that there is to say about a model file, ready for JSON.

    Args:
        path: an IDF or epJSON file.
        weather: the weather of the short run that lists what exists.
        actuators: pattern of the actuators to list; none by default.
        variables: pattern of the output variables to list, with their keys; none by default.

    Raises UserError for a file that cannot be read. A model that does not run is still listed: `run_error` has
    EnergyPlus's own words.
    """
    model = read_model(path)
    row: Row = {"file": str(path), "weather": weather.name, **asdict(inspect(model))}
    names, error = NO_NAMES, ""
    try:
        names = names_in(model, weather, variables)
    except SimulationError as failure:
        error = str(failure)
    wanted = matching((f"{a.component},{a.control},{a.key}" for a in names.actuators), actuators)
    return row | {
        "run_error": error,
        "meters": list(names.meters),
        "actuator_count": len(names.actuators),
        "actuators": [dict(zip(("component", "control", "key"), text.split(",", 2), strict=True)) for text in wanted],
        "variable_count": len(names.all_variables),
        "variables": [{"variable": v.name, "key": v.key} for v in names.variables],
    }


def inspect(model: Epjson) -> Inspection:
    """Lists what a model holds. It reads the model alone; what only a run can tell is in `names.py`."""
    loops = _air_loops(model)
    thermostats = _thermostats(model)
    servers = _servers(model)
    within = _homes(model, loops)
    return Inspection(
        kind="data centre" if servers else "office",
        zones=_zones(model, loops, thermostats, servers),
        it_equipment=servers,
        air_loops=loops,
        setpoint_managers=_managers(model),
        thermostats=thermostats,
        fans=_components(model, within, "Fan:*"),
        coils=_components(model, within, "Coil:*", "EvaporativeCooler:*"),
        water_side=_components(model, within, "Chiller:*", "CoolingTower:*", "Boiler:*", "Pump:*", "FluidCooler:*"),
        schedules=_schedules(model),
        design_days=tuple(name for _, name, _ in objects(model, "SizingPeriod:*")),
        traps=traps(model),
    )


def _servers(model: Epjson) -> tuple[ItFound, ...]:
    return tuple(
        ItFound(
            name=name,
            zone=next(iter(zones(model, it.get("zone_or_space_name", it.get("zone_name", "")))), ""),
            design_power=_design_power(it),
            airflow_method=it.get("air_flow_calculation_method", "FlowFromSystem"),
            inlet=it.get("air_inlet_connection_type", "AdjustedSupply"),
            recirculation_frac=float(it.get("design_recirculation_fraction", 0.0)),
        )
        for _, name, it in objects(model, "ElectricEquipment:ITE:AirCooled")
    )


def _design_power(it: Fields) -> str:
    if it.get("design_power_input_calculation_method", "Watts/Unit") == "Watts/Area":
        return f"{it.get('watts_per_floor_area', '?')} W/m2"
    return f"{it.get('number_of_units', 1)} x {it.get('watts_per_unit', '?')} W"


def _air_loops(model: Epjson) -> tuple[AirLoopFound, ...]:
    return tuple(
        AirLoopFound(
            name=name,
            zones=served_zones(model, loop),
            supply_nodes=nodes(model, loop.get("supply_side_outlet_node_names", "")),
            parts=tuple(p for p in parts(model, kind, name) if p.kind.partition(":")[0] not in _STRUCTURE),
        )
        for kind, name, loop in objects(model, "AirLoopHVAC")
    )


# Objects that only hold others together.
_STRUCTURE = {"Branch", "BranchList", "AirLoopHVAC", "ZoneHVAC", "Pipe", "Duct", "Connector", "ConnectorList"}


def _managers(model: Epjson) -> tuple[ManagerFound, ...]:
    found = []
    for kind, name, manager in objects(model, "SetpointManager:*"):
        at = nodes(model, manager.get("setpoint_node_or_nodelist_name", manager.get("setpoint_node_name", "")))
        controls = (whose_outlet(model, node) for node in at)
        found.append(
            ManagerFound(
                kind=kind,
                name=name,
                variable=manager.get("control_variable", "Temperature"),
                nodes=at,
                controls=tuple(dict.fromkeys(words for words in controls if words)),
                schedule=manager.get("schedule_name", "") if kind == "SetpointManager:Scheduled" else "",
            )
        )
    return tuple(found)


def _thermostats(model: Epjson) -> tuple[ThermostatFound, ...]:
    found = []
    for kind, name, control in objects(model, "ZoneControl:Thermostat", "ZoneControl:Thermostat:StagedDualSetpoint"):
        held = [control] + [find(model, part.kind, part.name) or {} for part in parts(model, kind, name)]
        schedules = [(field, text) for fields in held for field, text in texts(fields) if _is_setpoint(field)]
        found.append(
            ThermostatFound(
                name=name,
                zones=zones(model, control.get("zone_or_zonelist_name", "")),
                heating_schedules=_distinct(text for field, text in schedules if not field.startswith("cooling")),
                cooling_schedules=_distinct(text for field, text in schedules if not field.startswith("heating")),
            )
        )
    return tuple(found)


def _is_setpoint(field: str) -> bool:
    return "setpoint" in field and field.endswith("schedule_name")


def _zones(
    model: Epjson,
    loops: Iterable[AirLoopFound],
    thermostats: Iterable[ThermostatFound],
    servers: Iterable[ItFound],
) -> tuple[ZoneFound, ...]:
    areas = floor_areas_m2(model)
    equipment = {
        zone: tuple(p for p in parts(model, kind, name) if not p.kind.startswith("ZoneHVAC:EquipmentList"))
        for kind, name, connected in objects(model, "ZoneHVAC:EquipmentConnections")
        for zone in zones(model, connected.get("zone_name", ""))
    }
    return tuple(
        ZoneFound(
            name=zone,
            floor_area_m2=areas.get(zone),
            people=_people(model, zone, areas),
            it_equipment=tuple(it.name for it in servers if it.zone == zone),
            air_loop=next((loop.name for loop in loops if zone in loop.zones), ""),
            thermostat=next((t.name for t in thermostats if zone in t.zones), ""),
            equipment=equipment.get(zone, ()),
        )
        for _, zone, _ in objects(model, "Zone")
    )


def _people(model: Epjson, zone: str, areas_m2: dict[str, float]) -> float | None:
    """Design occupancy of a zone; None where it needs an area that is not known."""
    total = 0.0
    for _, _, people in objects(model, "People"):
        where = people.get("zone_or_zonelist_or_space_or_spacelist_name", people.get("zone_or_zonelist_name", ""))
        if zone not in zones(model, where):
            continue
        method = str(people.get("number_of_people_calculation_method", "People")).casefold()
        area = areas_m2.get(zone)
        if method == "people":
            total += float(people.get("number_of_people", 0.0))
        elif area is None:
            return None
        elif method == "people/area":
            total += area * float(people.get("people_per_floor_area", 0.0))
        else:
            total += area / float(people["floor_area_per_person"]) if people.get("floor_area_per_person") else 0.0
    return total


def _homes(model: Epjson, loops: Iterable[AirLoopFound]) -> dict[tuple[str, str], str]:
    """(type, name) of every part of an air loop, a water loop or a zone's equipment -> which of them."""
    homes: dict[tuple[str, str], str] = {}
    for kind, _, connected in objects(model, "ZoneHVAC:EquipmentConnections"):
        name = next(n for k, n, f in objects(model, kind) if f is connected)
        for part in parts(model, kind, name):
            homes.setdefault((part.kind, part.name), connected.get("zone_name", ""))
    for loop in loops:
        for part in loop.parts:
            homes.setdefault((part.kind, part.name), loop.name)
    for kind, name, _ in objects(model, "PlantLoop", "CondenserLoop"):
        for part in parts(model, kind, name):
            homes.setdefault((part.kind, part.name), name)
    return homes


def _components(model: Epjson, homes: dict[tuple[str, str], str], *kinds: str) -> tuple[Part, ...]:
    found = ((kind, name) for kind, name, _ in objects(model, *kinds))
    folded = {(kind.casefold(), name.casefold()): home for (kind, name), home in homes.items()}
    return tuple(
        Part(kind=kind, name=name, within=folded.get((kind.casefold(), name.casefold()), "")) for kind, name in found
    )


def _schedules(model: Epjson) -> tuple[ScheduleFound, ...]:
    users: dict[str, list[str]] = {}
    for kind, name, fields in objects(model, "*"):
        if not kind.startswith(("Schedule:", "ScheduleTypeLimits")):
            for field, text in texts(fields):
                if "schedule" in field:
                    users.setdefault(text.casefold(), []).append(f"{kind} {name}")
    return tuple(
        ScheduleFound(kind=kind, name=name, used_by=_distinct(users.get(name.casefold(), ())))
        for kind, name, _ in objects(model, "Schedule:*")
        if not kind.startswith(("Schedule:Day:", "Schedule:Week:"))
    )


def _distinct(names: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(name) for name in names if name))

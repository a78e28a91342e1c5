"""A starting file for a data centre: supply air and airflow of each zone with servers, recirculation at its inlets."""

from __future__ import annotations

from collections.abc import Collection

from .epjson import Epjson, Fields, find, objects
from .errors import UserError
from .inspection import Inspection
from .names import Names
from .starting_edits import ITE, LEAK_FRAC, ServerZone, new_schedule, own_schedule, zone_edits
from .starting_points import (
    AIR_DENSITY_KG_M3,
    FLOW_SPAN_KG_S,
    POWER_SPAN_W,
    TEMP_SPAN_C,
    Raw,
    building_meters,
    meter_roles,
    metered,
    outdoors,
    scheduled_setpoints,
    sensor,
    setpoint,
    slug,
)
from .topology import supply_nodes

AIRFLOW_SETPOINT, SERVER_AIRFLOW = "_supply_airflow_setpoint_kg_s", "_server_airflow_kg_s"  # how their names end


_SERVERS = "volume-a2"  # see servers.yaml

# From the coldest air that the recommended envelope asks for, less what a fan adds, to its warmest: see envelope.py.
_SUPPLY_SPAN_C = (16.0, 27.0)

# Subcategories of the servers' meters. Source: EnergyPlus 25.1 Input Output Reference, ElectricEquipment:ITE:AirCooled.
_SUBCATEGORIES = (
    ("cpu", "Servers without their fans", "cpu_end_use_subcategory", "ITE-CPU"),
    ("server_fans", "Fans inside the servers", "fan_end_use_subcategory", "ITE-Fans"),
    ("ups", "Losses of the power supplies, counted as IT", "electric_power_supply_end_use_subcategory", "ITE-UPS"),
)


def datacentre_sections(model: Epjson, found: Inspection, names: Names) -> tuple[Raw, list[str]]:
    """The sections that depend on the kind of building, and what to tell the user.

    Raises UserError for servers whose supply air and airflow cannot be commanded zone by zone, with the cause.
    """
    rooms = [_server_zone(model, found, names, z.name) for z in found.zones if z.it_equipment]
    extra = scheduled_setpoints(model, found, {room.loop.name for room in rooms})
    meters = [*building_meters(names.meters), *_it_meters(model, names.meters)]
    schedules = _load_schedules(model, rooms)
    shown = [shown for _, shown, _ in extra]
    points = [*outdoors(), *_loads(schedules), *(p for room in rooms for p in _read_points(room)), *shown, *meters]
    points += [p for room in rooms for p in _commanded_points(model, room)] + [p for p, _, _ in extra]
    sections: Raw = {
        "parameters": {"leak_frac": LEAK_FRAC},
        "servers": _SERVERS,
        "zones": {room.id: room.name for room in rooms},
        "edits": zone_edits(model, rooms),
        "points": points,
        "zone_roles": {
            "it_load": "it_load_frac" if len(set(schedules.values())) == 1 else "{zone}_it_load_frac",
            **{part: f"{{zone}}_{name}" for part, name in _ROLES.items()},
        },
        "meters": meter_roles(meters),
        "shield": {
            "setpoints": _rules(rooms) | {point["name"]: rule for point, _, rule in extra},
            "inlet_class": "A1",
            "inlet_margin_k": 0.3,
            "min_flow_ratio": 1.0,
            "load_step_frac": 0.25,
            "max_age_s": 1800,
            "stuck_after_steps": 8,
            "stuck_points": [f"{{zone}}_{name}" for name in ("zone_temp_c", "inlet_temp_c", "supply_air_temp_c")],
        },
        "baselines": _BASELINES,
    }
    several = [room.name for room in rooms if len(room.servers) > 1]
    notes = [f"zones with several server objects, of which the first one's inlet is watched: {', '.join(several)}"]
    return sections, notes if several else []


_ROLES = {
    "inlet_temp": "inlet_temp_c",
    "inlet_dew_point": "inlet_dew_point_c",
    "zone_temp": "zone_temp_c",
    "supply_temp": "supply_air_temp_c",
    "supply_flow": "supply_airflow_kg_s",
    "server_flow": "server_airflow_kg_s",
    "supply_temp_setpoint": "supply_air_temp_setpoint_c",
    "supply_flow_setpoint": "supply_airflow_setpoint_kg_s",
}

# Somewhere to begin: `airhandler tune` finds better ones.
_BASELINES = {
    "constant": {"supply_c": 20.0, "airflow_frac": 0.6},
    "outdoor-reset": {
        "supply_cold_c": 18.0,
        "supply_warm_c": 24.0,
        "outdoor_low_c": 14.0,
        "outdoor_span_k": 4.0,
        "flow_ratio": 1.05,
    },
    "trim-respond": {
        "target_c": 25.5,
        "request_k": 0.5,
        "trim_k": 0.2,
        "respond_k": 0.5,
        "respond_max_k": 2.0,
        "flow_ratio": 1.05,
    },
}


def _server_zone(model: Epjson, found: Inspection, names: Names, zone: str) -> ServerZone:
    """What conditions a zone with servers. Raises UserError where it cannot be commanded by itself."""
    loop = next((loop for loop in found.air_loops if zone in loop.zones), None)
    if loop is None:
        raise UserError(f"zone {zone}: no air loop serves its servers: there is no supply air to command")
    if len(loop.zones) > 1:
        raise UserError(
            f"zone {zone}: its air loop {loop.name} serves {', '.join(loop.zones)}: supply air and airflow cannot be "
            "commanded zone by zone. Give each zone with servers an air loop of its own"
        )
    fans = [p.name for p in loop.parts if p.kind.startswith("Fan:")]
    supply = [f for f in fans if not any(word in f.casefold() for word in ("return", "relief", "exhaust"))]
    commanded = {a.key.casefold() for a in names.actuators if a.control == "Fan Air Mass Flow Rate"}
    fan = next((f for f in supply if f.casefold() in commanded), None)
    if fan is None:
        raise UserError(f"zone {zone}: air loop {loop.name} has no supply fan whose airflow can be commanded")
    inside = next(z for z in found.zones if z.name == zone)
    managers = [m for m in found.setpoint_managers if set(m.nodes) & set(loop.supply_nodes)]
    managers = [m for m in managers if m.variable.casefold() == "temperature"]
    if not managers:
        raise UserError(f"zone {zone}: no set-point manager holds the supply temperature of {loop.name}")
    return ServerZone(
        id=slug(zone),
        name=zone,
        servers=inside.it_equipment,
        node=supply_nodes(model)[zone][0],
        loop=loop,
        fan=fan,
        max_flow_kg_s=round(AIR_DENSITY_KG_M3 * _max_flow_m3_s(model, names, fan), 2),
        managers=tuple(managers),
    )


def _max_flow_m3_s(model: Epjson, names: Names, fan: str) -> float:
    """Greatest airflow of a fan: as declared, else as EnergyPlus sized it. Raises UserError where neither is known."""
    for _, name, fields in objects(model, "Fan:*"):
        declared = fields.get("maximum_flow_rate", fields.get("design_maximum_air_flow_rate"))
        if name.casefold() == fan.casefold() and isinstance(declared, int | float):
            return float(declared)
    for (component, quantity), value in names.sizes.items():
        if component == fan.casefold() and "flow rate" in quantity.casefold().replace("_", " "):
            return value
    raise UserError(f"fan {fan}: its greatest airflow is neither declared nor sized")


def _read_points(room: ServerZone) -> list[Raw]:
    z, servers, flow = room.id, room.servers, FLOW_SPAN_KG_S
    drawn = [
        sensor(f"{z}_server_airflow_kg_s" if len(servers) == 1 else f"{z}_{slug(name)}_airflow_kg_s", "kg/s", flow,
               f"Air that the servers of {z} draw", "ITE Air Mass Flow Rate", name)
        for name in servers
    ]  # fmt: skip
    if len(servers) > 1:
        names = [point["name"] for point in drawn]
        drawn.append({**drawn[0], "name": f"{z}_server_airflow_kg_s", "sum_of": names})
        del drawn[-1]["read"]
    return [
        sensor(f"{z}_zone_temp_c", "degC", TEMP_SPAN_C, f"Air on the hot side, {z}", "Zone Air Temperature", room.name),
        sensor(f"{z}_inlet_temp_c", "degC", TEMP_SPAN_C, f"Air at the server inlets, {z}",
               "ITE Air Inlet Dry-Bulb Temperature", servers[0]),
        sensor(f"{z}_inlet_dew_point_c", "degC", TEMP_SPAN_C, f"Dew point at the server inlets, {z}",
               "ITE Air Inlet Dewpoint Temperature", servers[0]),
        sensor(f"{z}_supply_air_temp_c", "degC", TEMP_SPAN_C, f"Supply air entering {z}",
               "System Node Temperature", room.node),
        sensor(f"{z}_supply_airflow_kg_s", "kg/s", flow, f"Supply airflow into {z}",
               "System Node Mass Flow Rate", room.node),
        *drawn,
        sensor(f"{z}_fan_power_w", "W", POWER_SPAN_W, f"Supply fan electricity, {z}", "Fan Electricity Rate", room.fan),
    ]  # fmt: skip


def _commanded_points(model: Epjson, room: ServerZone) -> list[Raw]:
    z, most = room.id, room.max_flow_kg_s
    schedule = own_schedule(room)
    kind = "Schedule:Constant"
    if schedule is None:
        schedule = new_schedule(room)
    else:
        kind = next(k for k, n, _ in objects(model, "Schedule:*") if n.casefold() == schedule.casefold())
    return [
        setpoint(f"{z}_supply_air_temp_setpoint_c", "degC", _SUPPLY_SPAN_C, f"Supply-air temperature, {z}",
                 {"component": kind, "control": "Schedule Value", "key": schedule}),
        setpoint(f"{z}_supply_airflow_setpoint_kg_s", "kg/s", _flow_span_kg_s(most), f"Supply airflow, {z}",
                 {"component": "Fan", "control": "Fan Air Mass Flow Rate", "key": room.fan}),
    ]  # fmt: skip


def _flow_span_kg_s(most_kg_s: float) -> tuple[float, float]:
    """From two thirds of a fan's greatest airflow, if the servers draw no less, to a little below it."""
    return round(most_kg_s * 2 / 3, 2), round(0.95 * most_kg_s, 2)


def _rules(rooms: Collection[ServerZone]) -> Raw:
    """Fallbacks and ramps; a zone's airflow falls back to three quarters of its fan's greatest."""
    rules: Raw = {}
    for room in rooms:
        rules[f"{room.id}_supply_air_temp_setpoint_c"] = {"fallback": 18.0, "ramp_per_step": 2.5}
        rules[f"{room.id}_supply_airflow_setpoint_kg_s"] = {
            "fallback": round(0.75 * room.max_flow_kg_s, 2),
            "ramp_per_step": round(0.25 * room.max_flow_kg_s, 2),
        }
    return rules


def _servers(model: Epjson, name: str) -> Fields:
    return find(model, ITE, name) or {}


def _load_schedules(model: Epjson, rooms: Collection[ServerZone]) -> dict[str, str]:
    return {room.id: str(_servers(model, room.servers[0]).get("cpu_loading_schedule_name", "")) for room in rooms}


def _loads(schedules: dict[str, str]) -> list[Raw]:
    """The load of the servers: one point where all zones follow one schedule."""
    one = len(set(schedules.values())) == 1
    named = (
        {"it_load_frac": next(iter(schedules.values()))}
        if one
        else {f"{z}_it_load_frac": s for z, s in schedules.items()}
    )
    return [
        {**sensor(name, "1", (0.0, 1.2), "Load of the servers", "Schedule Value", schedule), "role": "signal"}
        for name, schedule in named.items()
    ]


def _it_meters(model: Epjson, known: Collection[str]) -> list[Raw]:
    """The servers' meters, and that of everything else that is neither servers nor HVAC."""
    servers = [fields for _, _, fields in objects(model, ITE)]
    points: list[Raw] = []
    own: set[str] = set()
    for part, words, field, default in _SUBCATEGORIES:
        meters = {f"{s.get(field, default)}:InteriorEquipment:Electricity" for s in servers}
        own |= meters
        points += metered(f"{part}_power_w", words, sorted(meters), known)
    whole = [m for m in known if m.endswith(":InteriorEquipment:Electricity") and m.count(":") == 2]
    others = [*sorted(set(whole) - own), "InteriorLights:Electricity", "ExteriorLights:Electricity"]
    points += metered("other_power_w", "Lights and other equipment", others, known)
    it = [f"{part}_power_w" for part, *_ in _SUBCATEGORIES]
    parts = [name for p in points if p["name"] in it for name in p.get("sum_of", [p["name"]])]
    whole_it = {**points[0], "name": "it_power_w", "help": "All server power", "sum_of": parts}
    whole_it.pop("read", None)
    return [*points, whole_it]

"""What is connected to what in a model: nodes, the parts of a loop, the zones that an air loop serves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .epjson import Epjson, Fields, find, objects, same, texts

_ON_THE_WAY = ("AirLoopHVAC:ZoneSplitter", "AirLoopHVAC:SupplyPlenum", "AirTerminal:*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One object of a model.

    Attributes:
        kind: its EnergyPlus type.
        name: its name.
        within: the air loop, water loop or zone that it is a part of; empty where that is not known.
    """

    kind: str
    name: str
    within: str = ""


def nodes(model: Epjson, name: str) -> tuple[str, ...]:
    """The nodes behind the name of a node or of a node list."""
    listed = find(model, "NodeList", name) if name else None
    if listed is None:
        return (name,) if name else ()
    return tuple(entry["node_name"] for entry in listed.get("nodes", []) if entry.get("node_name"))


def zones(model: Epjson, name: str) -> tuple[str, ...]:
    """The zones behind the name of a zone, zone list, space or space list."""
    for zone in model.get("Zone", {}):
        if same(zone, name):
            return (zone,)
    if space := find(model, "Space", name):
        return zones(model, space.get("zone_name", ""))
    for kind, entry, field in (("ZoneList", "zones", "zone_name"), ("SpaceList", "spaces", "space_name")):
        if listed := find(model, kind, name):
            found = [zone for one in listed.get(entry, []) for zone in zones(model, one.get(field, ""))]
            return tuple(dict.fromkeys(found))
    return ()


def parts(model: Epjson, kind: str, name: str) -> list[Part]:
    """Everything that an object is made of, at any depth: what it names with a type, and what its lists hold."""
    found: dict[tuple[str, str], Part] = {}
    waiting = deque([(kind, name)])
    while waiting:
        fields = find(model, *waiting.popleft())
        for part in _named(model, fields or {}):
            key = (part.kind.casefold(), part.name.casefold())
            if key not in found:
                found[key] = part
                waiting.append((part.kind, part.name))
    return list(found.values())


def _named(model: Epjson, fields: Any) -> Iterable[Part]:
    """The parts that one object names: pairs like `fan_object_type` and `fan_name`, branches, equipment lists."""
    if isinstance(fields, list):
        for item in fields:
            yield from _named(model, item)
    if not isinstance(fields, Mapping):
        return
    for field, value in fields.items():
        if field.endswith("object_type") and isinstance(fields.get(f"{field[:-11]}name"), str):
            yield Part(kind=value, name=fields[f"{field[:-11]}name"])
        elif field in _LISTS and isinstance(value, str):
            yield Part(kind=_LISTS[field], name=value)
        elif isinstance(value, list):
            yield from _named(model, value)


# Fields that name an object of a type that goes without saying.
_LISTS = {
    "branch_list_name": "BranchList",
    "plant_side_branch_list_name": "BranchList",
    "demand_side_branch_list_name": "BranchList",
    "condenser_side_branch_list_name": "BranchList",
    "branch_name": "Branch",
    "controller_list_name": "AirLoopHVAC:ControllerList",
    "outdoor_air_equipment_list_name": "AirLoopHVAC:OutdoorAirSystem:EquipmentList",
    "zone_conditioning_equipment_list_name": "ZoneHVAC:EquipmentList",
}


def supply_nodes(model: Epjson) -> dict[str, tuple[str, ...]]:
    """The nodes through which air enters each zone, of zones that have any equipment."""
    return {
        connected["zone_name"]: nodes(model, connected.get("zone_air_inlet_node_or_nodelist_name", ""))
        for _, _, connected in objects(model, "ZoneHVAC:EquipmentConnections")
    }


def served_zones(model: Epjson, air_loop: Fields) -> tuple[str, ...]:
    """The zones that an air loop blows into, found by following its air through splitters, plenums and terminals."""
    reached = _downstream(model, nodes(model, air_loop.get("demand_side_inlet_node_names", "")))
    entered = supply_nodes(model)
    return tuple(zone for zone, inlets in entered.items() if any(n.casefold() in reached for n in inlets))


def _downstream(model: Epjson, start: Iterable[str]) -> set[str]:
    onward: dict[str, set[str]] = {}
    for _, _, fields in objects(model, *_ON_THE_WAY):
        named = list(texts(fields))
        outlets = {node.casefold() for field, node in named if "outlet_node" in field}
        for field, node in named:
            if "inlet_node" in field:
                onward.setdefault(node.casefold(), set()).update(outlets)
    reached, waiting = set[str](), deque(node.casefold() for node in start)
    while waiting:
        node = waiting.popleft()
        if node not in reached:
            reached.add(node)
            waiting.extend(onward.get(node, ()))
    return reached


def whose_outlet(model: Epjson, node: str) -> str:
    """What a node is the outlet of, in words: an air loop's supply, a water loop's supply, or a component."""
    for kind, name, fields in objects(model, "AirLoopHVAC", "PlantLoop", "CondenserLoop"):
        if any(same(node, n) for field in _SUPPLY_FIELDS for n in nodes(model, str(fields.get(field, "")))):
            return f"supply of {kind} {name}"
    for kind, name, fields in objects(model, *_COMPONENTS):
        if any(
            same(node, text)
            for field, text in texts(fields)
            if "outlet_node" in field or field == "mixed_air_node_name"
        ):
            return f"outlet of {kind} {name}"
    return ""


_COMPONENTS = (
    "Fan:*",
    "Coil:*",
    "CoilSystem:*",
    "EvaporativeCooler:*",
    "HeatExchanger:*",
    "Humidifier:*",
    "Dehumidifier:*",
    "OutdoorAir:Mixer",
    "AirLoopHVAC:Unitary*",
    "Chiller:*",
    "Boiler:*",
    "CoolingTower:*",
    "Pump:*",
    "AirTerminal:*",
)
_SUPPLY_FIELDS = (
    "supply_side_outlet_node_names",
    "loop_temperature_setpoint_node_name",
    "condenser_loop_temperature_setpoint_node_name",
    "plant_side_outlet_node_name",
)

"""Points of a starting building file: the outdoors, the meters, and names made from a model's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from .epjson import Epjson, objects
from .inspection import Inspection, ManagerFound

Raw = dict[str, Any]

AIR_DENSITY_KG_M3 = 1.2  # standard air, as in EnergyPlus's design flow rates. Source: EnergyPlus 25.1, StdRhoAir


def slug(name: str) -> str:
    """A model's name as part of a point's name: `PSZ-AC:1` -> `psz_ac_1`."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return words if words[:1].isalpha() else f"n_{words}"


def sensor(name: str, unit: str, span: tuple[float, float], words: str, variable: str, key: str) -> Raw:
    """A point that is read from an output variable."""
    low, high = span
    return {
        "name": name,
        "unit": unit,
        "role": "sensor",
        "low": low,
        "high": high,
        "help": words,
        "read": {"variable": variable, "key": key},
    }


def setpoint(name: str, unit: str, span: tuple[float, float], words: str, write: Raw) -> Raw:
    """A point that is commanded."""
    low, high = span
    return {"name": name, "unit": unit, "role": "setpoint", "low": low, "high": high, "help": words, "write": write}


TEMP_SPAN_C, FLOW_SPAN_KG_S, POWER_SPAN_W = (-60.0, 90.0), (-0.1, 1000.0), (-1.0, 1e8)


def outdoors() -> list[Raw]:
    """The outdoor air."""
    return [
        sensor(
            f"outdoor_{part}_temp_c",
            "degC",
            (-70.0, 60.0),
            f"Outdoor {words}",
            f"Site Outdoor Air {name}",
            "Environment",
        )
        for part, words, name in (
            ("air", "dry bulb", "Drybulb Temperature"),
            ("wet_bulb", "wet bulb", "Wetbulb Temperature"),
            ("dew_point", "dew point", "Dewpoint Temperature"),
        )
    ]


def metered(name: str, words: str, meters: Iterable[str], known: Collection[str]) -> list[Raw]:
    """A power meter that adds up those of `meters` that the model has; nothing where it has none."""
    found = [meter for meter in meters if meter in known]
    if len(found) == 1:
        return [_meter(name, words, found[0])]
    parts = [_meter(f"{slug(meter)}_w", meter, meter) for meter in found]
    whole = {**_meter(name, words, ""), "sum_of": [part["name"] for part in parts]}
    del whole["read"]
    return [*parts, whole] if found else []


def _meter(name: str, words: str, meter: str) -> Raw:
    low, high = POWER_SPAN_W
    return {
        "name": name,
        "unit": "W",
        "role": "meter",
        "low": low,
        "high": high,
        "help": words,
        "read": {"meter": meter},
    }


def water(known: Collection[str]) -> list[Raw]:
    """The water meter, where the model has one."""
    meter = {**_meter("water_flow_m3_s", "Water use", "Water:Facility"), "unit": "m3/s", "low": -0.001, "high": 10.0}
    return [meter] if "Water:Facility" in known else []


def building_meters(known: Collection[str]) -> list[Raw]:
    """Total, HVAC, fans, gas and water. Source: EnergyPlus 25.1 Input Output Reference, meters by group.

    Electricity:Facility cannot be read: it tends to be the first of all meters, and EnergyPlus takes its handle, 0,
    for a name that it does not know (its issue 11522). What is purchased is the same where nothing is generated.
    """
    return [
        *metered("total_power_w", "All electricity", ["ElectricityPurchased:Facility"], known),
        *metered(
            "hvac_power_w", "All cooling, heating and ventilation", ["Electricity:HVAC", "Electricity:Plant"], known
        ),
        *metered("fans_power_w", "Fans", ["Fans:Electricity"], known),
        *metered("gas_power_w", "Gas burned", ["NaturalGas:Facility"], known),
        *water(known),
    ]


def meter_roles(points: Iterable[Raw]) -> dict[str, str]:
    """Which point plays which part, of those that there are."""
    names = {point["name"] for point in points}
    parts = ("total", "hvac", "fans", "it", "cpu", "server_fans", "ups", "other", "gas")
    roles = {part: f"{part}_power_w" for part in parts if f"{part}_power_w" in names}
    return roles | ({"water": "water_flow_m3_s"} if "water_flow_m3_s" in names else {})


def scheduled_setpoints(model: Epjson, found: Inspection, taken: Collection[str]) -> list[tuple[Raw, Raw, Raw]]:
    """Set-points that a schedule of their own holds: supply air of air loops, water of chillers' and boilers' loops.

    Args:
        taken: names of air loops that are commanded otherwise.

    Returns:
        For each: the set-point, the point that shows where it stands, and the shield's rule for it.
    """
    made = []
    for manager in found.setpoint_managers:
        for where, words, span in _loops(found, manager):
            values = schedule_values(model, manager.schedule)
            if where in taken or not values or not _alone(found, manager.schedule):
                continue
            low, high = span(min(values), max(values))
            name = f"{slug(where)}_{words.replace(' ', '_')}_temp_setpoint_c"
            kind = next(s.kind for s in found.schedules if s.name.casefold() == manager.schedule.casefold())
            write = {"component": kind, "control": "Schedule Value", "key": manager.schedule}
            shown = name.replace("_setpoint_c", "_in_force_c")
            held = round(sum(values) / len(values), 1)
            made.append(
                (
                    setpoint(name, "degC", (low, high), f"{words.capitalize()} temperature of {where}", write),
                    sensor(shown, "degC", TEMP_SPAN_C, f"Set-point in force, {where}",
                           "System Node Setpoint Temperature", manager.nodes[0]),
                    {"fallback": min(high, max(low, held)), "ramp_per_step": 1.0, "shown_by": shown},
                )
            )  # fmt: skip
    return made


def schedule_values(model: Epjson, name: str) -> list[float]:
    """The temperatures that a schedule holds [degC]; none where they cannot be told."""
    for kind, found, fields in objects(model, "Schedule:Constant", "Schedule:Compact"):
        if found.casefold() == name.casefold():
            if kind == "Schedule:Constant":
                return [float(fields.get("hourly_value", 0.0))]
            return [float(e["field"]) for e in fields.get("data", []) if isinstance(e.get("field"), int | float)]
    return []


def _loops(found: Inspection, manager: ManagerFound) -> Iterable[tuple[str, str, Any]]:
    """The loop whose supply a scheduled manager sets, what flows in it, and how far it may move."""
    if not manager.schedule or manager.variable.casefold() != "temperature":
        return
    for loop in found.air_loops:
        if set(manager.nodes) & set(loop.supply_nodes):
            yield loop.name, "supply air", lambda low, high: (min(low, 12.0), max(high, 18.0))
    for words in manager.controls:
        loop_name = words.partition("PlantLoop ")[2] if words.startswith("supply of PlantLoop ") else ""
        kinds = {part.kind.partition(":")[0] for part in found.water_side if part.within == loop_name}
        if loop_name and "Chiller" in kinds:
            yield loop_name, "chilled water", lambda low, high: (low, high + 5.0)
        elif loop_name and "Boiler" in kinds:
            yield loop_name, "hot water", lambda low, high: (low - 15.0, high)


def _alone(found: Inspection, schedule: str) -> bool:
    """Whether nothing but set-point managers follows a schedule."""
    users = next((s.used_by for s in found.schedules if s.name.casefold() == schedule.casefold()), ())
    return all(user.startswith("SetpointManager:Scheduled ") for user in users)

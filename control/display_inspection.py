"""What an EnergyPlus model holds, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from airhandler.buildings.traps import Trap, grouped

Row = Mapping[str, Any]

_MANY = 30  # rows of one table, after which the rest is counted


# What is worth metering; the rest, emissions and heat between components, is in --json.
_FUELS = {"Electricity", "ElectricityPurchased", "NaturalGas", "Water", "DistrictCooling", "DistrictHeatingWater"}


def inspection_page(row: Row) -> Group:
    """A model: its zones, what conditions them, what sets their set-points, what can be commanded, and its traps."""
    head = f"{row['file']}: {row['kind']}, {len(row['zones'])} zones, {len(row['design_days'])} design days"
    pages = [_zones, _servers, _air_loops, _managers, _thermostats, _components, _schedules, _names, _traps]
    return Group(Text(head, style="bold"), *(page for make in pages if (page := make(row)) is not None))


def _zones(row: Row) -> RenderableType | None:
    rows = (
        [z["name"], _number(z["floor_area_m2"]), _number(z["people"]), *_texts(z, "air_loop", "thermostat")]
        for z in row["zones"]
    )
    return _table("Zones", ["zone", "floor m2", "people", "air loop", "thermostat"], rows)


def _servers(row: Row) -> RenderableType | None:
    rows = (
        [*_texts(s, "name", "zone", "design_power", "airflow_method", "inlet"), f"{s['recirculation_frac']:g}"]
        for s in row["it_equipment"]
    )
    return _table("Servers", ["servers", "zone", "design power", "airflow", "inlet", "recirculation"], rows)


def _air_loops(row: Row) -> RenderableType | None:
    rows = (
        [loop["name"], ", ".join(loop["zones"]), "\n".join(f"{p['kind']} {p['name']}" for p in loop["parts"])]
        for loop in row["air_loops"]
    )
    return _table("Air loops", ["air loop", "zones", "parts"], rows)


def _managers(row: Row) -> RenderableType | None:
    rows = (
        [
            f"{m['kind'].partition(':')[2]}\n{m['name']}",
            m["variable"],
            "; ".join(m["controls"]),
            m["schedule"] or "computed",
        ]
        for m in row["setpoint_managers"]
    )
    return _table("Set-point managers", ["manager", "sets", "at", "from"], rows)


def _thermostats(row: Row) -> RenderableType | None:
    rows = (
        [t["name"], ", ".join(t["zones"]), ", ".join(t["heating_schedules"]), ", ".join(t["cooling_schedules"])]
        for t in row["thermostats"]
    )
    return _table("Thermostats", ["thermostat", "zones", "heating from", "cooling from"], rows)


def _components(row: Row) -> RenderableType | None:
    found = [part for group in ("fans", "coils", "water_side") for part in row[group]]
    return _table("Equipment", ["type", "name", "in"], (_texts(p, "kind", "name", "within") for p in found))


def _schedules(row: Row) -> RenderableType | None:
    sets = ("Thermostat", "SetpointManager", "ZoneControl")
    rows = [
        [s["name"], s["kind"], ", ".join(s["used_by"])]
        for s in row["schedules"]
        if any(user.startswith(sets) for user in s["used_by"])
    ]
    title = f"Schedules of set-points ({len(row['schedules'])} schedules in all; --json lists them)"
    return _table(title, ["schedule", "type", "followed by"], rows)


def _names(row: Row) -> RenderableType | None:
    if row["run_error"]:
        return Text(f"\nThe model does not run: {row['run_error']}", style="bold red")
    counts = (
        f"\nFrom a run to the end of warm-up in {row['weather']}: {len(row['meters'])} meters, "
        f"{row['actuator_count']} actuators (--actuators PATTERN), {row['variable_count']} output variables "
        f"(--variables PATTERN)"
    )
    meters = [name for name in row["meters"] if name.count(":") == 1 and _FUELS & set(name.split(":"))]
    actuators = [_texts(a, "component", "control", "key") for a in row["actuators"]]
    variables = [_texts(v, "variable", "key") for v in row["variables"]]
    tables = [
        _table("Actuators", ["component", "control", "key"], actuators, most=None),
        _table("Output variables", ["variable", "key"], variables, most=None),
    ]
    return Group(Text(counts), Text("Meters: " + ", ".join(meters)), *(t for t in tables if t is not None))


def _traps(row: Row) -> RenderableType | None:
    groups = grouped(Trap(**trap) for trap in row["traps"])
    rows = [["\n".join(g.where), g.what, g.remedy] for g in groups]
    return _table("Look at these first: traps", ["where", "what", "what to do"], rows, style="yellow")


def _table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, most: int | None = _MANY, style: str = ""
) -> RenderableType | None:
    """A table with a title; None without rows; rows after `most` are only counted."""
    found = list(rows)
    if not found:
        return None
    table = Table(*columns, title=f"\n{title}", title_justify="left", title_style=f"bold {style}")
    for cells in found[:most]:
        table.add_row(*map(Text, cells))
    if most is not None and len(found) > most:
        table.caption = f"and {len(found) - most} more: --json lists all"
    return table


def _texts(row: Row, *fields: str) -> list[str]:
    return [str(row[field]) for field in fields]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}".removesuffix(".0")

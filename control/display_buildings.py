"""The catalogue as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from airhandler.buildings.codec import TIME_FEATURES
from airhandler.buildings.speeds import REFERENCE

Row = Mapping[str, Any]

_MOST_NAMED = 4  # zones; of more only the number is shown


def building_table(rows: Sequence[Row], *, every: bool = False) -> Group:
    """The catalogue; of Sinergym's environments a line for each model, or, with `every`, for each environment."""
    own = [row for row in rows if row["kind"] != "sinergym"]
    sinergym = [row for row in rows if row["kind"] == "sinergym"]
    parts: list[Table | Text] = [_own_table(own)]
    if sinergym:
        parts.append(_sinergym_table(sinergym if every else _by_model(sinergym)))
    if sinergym and not every:
        parts.append(Text("... stands for weather and kind: --all lists every environment of Sinergym.", style="dim"))
    words = f"speed: steps per second, {REFERENCE} being 1; `airhandler bench buildings` measures it."
    return Group(*parts, Text(words, style="dim"))


def speed_table(result: Row) -> Table:
    """How fast buildings run."""
    table = Table(title=f"{result['days']} days, medians of {result['repetitions']}", title_justify="left")
    table.add_column("building", no_wrap=True)
    for name in ("steps/s", f"of {result['reference']}"):
        table.add_column(name, justify="right")
    for row in result["buildings"]:
        table.add_row(escape(row["id"]), f"{row['steps_per_s']:.0f}", _speed(row))
    return table


def zones_table(result: Row) -> Table:
    """What a step costs against the number of zones."""
    title = f"{result['family']}, {result['days']} days of {result['weather']}, medians of {result['repetitions']}"
    table = Table(title=title, title_justify="left")
    for name in ("zones", "points", "actions", "EnergyPlus ms", "environment ms", "of it EnergyPlus", "µs a zone"):
        table.add_column(name, justify="right")
    for row in result["zones"]:
        table.add_row(
            *(str(row[key]) for key in ("zones", "points", "actions")),
            f"{row['engine_ms']:.3f}",
            f"{row['env_ms']:.3f}",
            f"{100 * row['engine_frac']:.0f} %",
            f"{1000 * row['env_ms'] / row['zones']:.0f}",
        )
    return table


def _own_table(rows: Sequence[Row]) -> Table:
    table = Table()
    table.add_column("building", width=max((len(row["id"]) for row in rows), default=None))
    for name, width in (("zones", 12), ("actions", None), ("obs.", 4), ("weathers", 13)):
        table.add_column(name, max_width=width, overflow="fold")
    table.add_column("speed", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"[bold]{escape(row['id'])}[/]\n{escape(row['title'])}",
            ", ".join(row["zones"]) if len(row["zones"]) <= _MOST_NAMED else str(len(row["zones"])),
            _actions(row),
            str(len(row["observations"])),
            ", ".join(row["weathers"]),
            _speed(row),
        )
    return table


def _sinergym_table(rows: Sequence[Row]) -> Table:
    """A line for each row; zones, actions and observations by their number."""
    table = Table()
    table.add_column("Sinergym's environments", no_wrap=True)
    for name in ("zones", "actions", "obs."):
        table.add_column(name, justify="right", min_width=len(name))
    table.add_column("weathers", overflow="ellipsis", no_wrap=True)
    table.add_column("speed", justify="right", min_width=len("speed"))
    for row in rows:
        counts = (str(len(row[part])) for part in ("zones", "actions", "observations"))
        table.add_row(escape(row["id"]), *counts, escape(", ".join(row["weathers"])), _speed(row))
    return table


def _by_model(rows: Sequence[Row]) -> list[Row]:
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    return [_together(group) for group in by_model.values()]


def _together(rows: Sequence[Row]) -> Row:
    """All environments of one model as one line: that of the last, which is never the one made for demonstration."""
    stem, base = rows[-1]["id"].split("-")[:2]
    weathers = dict.fromkeys(row["id"].split("-")[2] for row in rows if row["id"].startswith(f"{stem}-{base}-"))
    return {**rows[-1], "id": f"{stem}-{base}-... ({len(rows)})", "weathers": list(weathers)}


def building_page(row: Row) -> Group:
    """One building: what it is, then its points, then what was changed in its model."""
    return Group(Text(f"{row['id']}: {row['title']}", style="bold"), _facts(row), _points(row), _edits(row))


def report_page(row: Row) -> Group:
    """What a building showed in its contract's runs; what it breaks is said by the refusal."""
    ways = Table("set-points", "steps", "steps/s", "warnings", "severe", "balance %", "most frequent warning")
    for way in row["ways"]:
        speed = "-" if way["steps_per_s"] is None else f"{way['steps_per_s']:,.0f}"
        counts = (f"{way['steps']:,}", speed, _count(way["warnings"]), _count(way["severe"]))
        ways.add_row(way["way"], *counts, f"{way['balance_frac']:.4%}"[:-1], escape(next(iter(way["kinds"]), "")))
    words = Text(f"{row['building']}: {len(row['findings']) or 'no'} breaches of its contract", style="bold")
    return Group(ways, *([effect_table(row["effects"])] if row["effects"] else []), words)


def effect_table(rows: Sequence[Row]) -> Table:
    """What each set-point does, moved alone."""
    table = Table("set-point", "from..to", "energy %", "on", "temperature K", "which", "on", "")
    for row in rows:
        table.add_row(
            row["setpoint"],
            f"{row['low']:g}..{row['high']:g} {row['unit']}",
            f"{row['energy_frac']:.2%}"[:-1],
            row["energy_day"],
            f"{row['temperature_k']:.2f}",
            row["temperature_point"],
            row["temperature_day"],
            "moves" if row["counts"] else "[bold red]moves nothing[/]",
        )
    return table


def _facts(row: Row) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    facts = {
        "kind": row["kind"],
        "model": row["model"],
        "step": f"{60 / row['steps_per_hour']:g} minutes",
        "zones": ", ".join(row["zones"]),
        "incumbent": row["incumbent"],
        "weathers": ", ".join(row["weathers"]),
        "parameters": ", ".join(f"{name} {value:g}" for name, value in row["parameters"].items()),
        "servers": row.get("servers") or "",
        "reward": ", ".join(f"{name} {_plain(value)}" for name, value in row.get("reward", {}).items()),
        "actions": _actions(row),
        "observations": _observations(row),
        "Gymnasium": row["gymnasium"],
        "speed": _speed(row),
    }
    for name, words in facts.items():
        if words:
            table.add_row(name, escape(words))
    return table


def _points(row: Row) -> Table:
    table = Table("point", "role", "unit", "low", "high", "help", title="Points", title_justify="left")
    for point in row["points"]:
        limits = ("" if point[end] is None else f"{point[end]:g}" for end in ("low", "high"))
        table.add_row(point["name"], point["role"], point["unit"], *limits, escape(point["help"]))
    return table


def _edits(row: Row) -> Table:
    table = Table("", "why", title="Changes of the source model", title_justify="left")
    for number, why in enumerate(row["edits"], start=1):
        table.add_row(str(number), escape(why))
    return table


def complaints_table(rows: Sequence[Row]) -> Table:
    """EnergyPlus's warnings by kind, under each controller."""
    table = Table("kind")
    for row in rows:
        table.add_column(row["controller"], justify="right")
    table.add_row("all warnings, by EnergyPlus's own count", *(_count(row["warnings"]) for row in rows))
    table.add_row("severe", *(_count(row["severe"]) for row in rows))
    table.add_row("steps per second", *(f"{row['steps_per_s']:,.0f}" for row in rows), end_section=True)
    kinds = {kind: max(row["kinds"].get(kind, 0) for row in rows) for row in rows for kind in row["kinds"]}
    for kind in sorted(kinds, key=lambda k: -kinds[k]):
        table.add_row(escape(kind), *(_count(row["kinds"].get(kind, 0)) for row in rows))
    return table


def _count(times: int | None) -> str:
    return "-" if times is None else f"{times:,}"


def server_table(rows: Sequence[Row]) -> Table:
    """The server types."""
    table = Table("servers", "class", "idle %", "27 against 18 degC %", "fans %", "m3/s per kW", "power supply %")
    for row in rows:
        table.add_row(
            f"[bold]{row['name']}[/]\n{escape(row['title'])}",
            row["class"],
            f"{100 * row['idle_frac']:.0f}",
            f"{100 * row['warm_to_cool_frac']:+.1f}",
            f"{100 * row['fans_frac']:.0f}",
            f"{1000 * row['airflow_m3_s_per_w']:.3f}",
            f"{100 * row['power_supply_efficiency']:.0f}",
        )
    return table


def trap_table(rows: Sequence[Row]) -> Table:
    """The best constant supply air by HVAC energy alone, and by the total."""
    names = ("servers", "optimised", "supply degC", "HVAC MWh", "IT MWh", "total MWh", "PUE", "worst inlet degC")
    table = Table(*names)
    for row in rows:
        table.add_row(row["servers"], row["optimised"], *_sweep_cells(row))
    return table


def sweep_words(row: Row) -> str:
    """One run of the sweep, as it comes."""
    supply, hvac, it, total, pue, inlet = _sweep_cells(row)
    return f"{row['servers']} {supply} degC: HVAC {hvac}, IT {it}, total {total} MWh, PUE {pue}, inlet {inlet}"


def _sweep_cells(row: Row) -> list[str]:
    energies = [f"{row[name] / 1000:.1f}" for name in ("hvac_kwh", "it_kwh", "total_kwh")]
    return [f"{row['supply_c']:g}", *energies, f"{row['pue']:.3f}", f"{row['inlet_max_c']:.1f}"]


def _actions(row: Row) -> str:
    """One line a set-point; one for all zones that have the same."""
    lines: dict[str, int] = {}
    for a in row["actions"]:
        zone = _zone_of(a["setpoint"], row["zones"])
        name = a["setpoint"].replace(zone, "{zone}", 1) if zone else a["setpoint"]
        line = f"{name} {a['low']:g}..{a['high']:g} {a['unit']}".rstrip()
        lines[line] = lines.get(line, 0) + 1
    if row.get("choices"):
        lines[f"choices: {' x '.join(map(str, row['choices']))}"] = 1
    return "\n".join(line if times == 1 else f"{line} (x {times})" for line, times in lines.items())


def _observations(row: Row) -> str:
    """How many there are, and their names."""
    names = row["observations"]
    clock = ", with hour and day" if set(TIME_FEATURES) <= set(names) else ""
    return f"{len(names)}{clock}: {', '.join(names)}"


def _zone_of(name: str, zones: Sequence[str]) -> str:
    """The zone that a set-point's name begins with; empty for none."""
    return next((zone for zone in zones if name.startswith(f"{zone}_")), "")


def _speed(row: Row) -> str:
    return "" if row["relative_speed"] is None else f"{row['relative_speed']:.2f}"


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)

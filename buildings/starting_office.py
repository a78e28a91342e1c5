"""A starting file for a building with people in it: thermostats of occupied zones, set-points that schedules hold."""

from __future__ import annotations

from .epjson import Epjson
from .errors import UserError
from .inspection import Inspection
from .names import Names
from .starting_points import (
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

# As far as a thermostat may go: set back at night, and together never closer than 1 K. What people need while they
# are there is the comfort range of the shield and of the reward.
_HEATING_SPAN_C, _COOLING_SPAN_C = (15.0, 22.0), (23.0, 30.0)

_SCHEDULE = "Workday of the building file"
_WORKDAY: Raw = {
    "why": "A controller has to know whether people come today; the week is not in the time of day.",
    "add": {
        "Schedule:Compact": {
            _SCHEDULE: {
                "data": [
                    {"field": value}
                    for value in (
                        "Through: 12/31",
                        *("For: Weekdays", "Until: 24:00", 1.0),
                        *("For: AllOtherDays", "Until: 24:00", 0.0),
                    )
                ]
            }
        }
    },
}

# Somewhere to begin: `airhandler tune` finds better ones.
_DAY = {"heating_c": 21.0, "cooling_c": 24.5, "supply_c": 15.0}
_NIGHT = {"setback_heating_c": 15.0, "setback_cooling_c": 30.0, "lead_h": 2.0, "coast_h": 0.0}
_BASELINES = {"constant": _DAY, "setback": _DAY | _NIGHT}


def office_sections(model: Epjson, found: Inspection, names: Names) -> tuple[Raw, list[str]]:
    """The sections that depend on the kind of building, and what to tell the user.

    Raises UserError for a model without a zone that has both people and a thermostat.
    """
    zones = {slug(z.name): z.name for z in found.zones if z.people and _has_thermostat(found, z.name)}
    if not zones:
        raise UserError("no zone has both people and a thermostat with heating and cooling set-points")
    extra = scheduled_setpoints(model, found, ())
    zonal = _zone_points("{zone}", "{Zone}")
    commands = _zone_setpoints()
    meters = [
        *building_meters(names.meters),
        *metered(
            "other_power_w",
            "Lights, sockets and the like",
            ["Electricity:Building", "ExteriorLights:Electricity"],
            names.meters,
        ),
    ]
    rules = {
        "{zone}_heating_setpoint_c": {"fallback": 21.0, "ramp_per_step": 2.0, "shown_by": "{zone}_heating_in_force_c"},
        "{zone}_cooling_setpoint_c": {"fallback": 24.0, "ramp_per_step": 2.0, "shown_by": "{zone}_cooling_in_force_c"},
        **{point["name"]: rule for point, _, rule in extra},
    }
    sections: Raw = {
        "zones": zones,
        "points": [
            *outdoors(),
            _workday(),
            *zonal,
            *(shown for _, shown, _ in extra),
            *meters,
            *commands,
            *(p for p, _, _ in extra),
        ],
        "comfort_roles": {
            "zone_temp": "{zone}_operative_temp_c",
            "occupants": "{zone}_occupants",
            "heating_setpoint": "{zone}_heating_setpoint_c",
            "cooling_setpoint": "{zone}_cooling_setpoint_c",
        },
        "meters": meter_roles(meters),
        "shield": {
            "setpoints": rules,
            "comfort_category": "II",
            "deadband_k": 1.0,
            "max_age_s": 1800,
            "stuck_after_steps": 24,
            "stuck_points": ["{zone}_operative_temp_c"],
        },
        "workday": {"point": "workday_frac", "begin_h": 8.0, "end_h": 18.0},
        "edits": [_WORKDAY],
        "baselines": _BASELINES,
    }
    left_out = [z.name for z in found.zones if z.name not in zones.values()]
    notes = [f"zones without people or without a thermostat are left out: {', '.join(left_out)}"] if left_out else []
    return sections, notes


def _has_thermostat(found: Inspection, zone: str) -> bool:
    return any(zone in t.zones and t.heating_schedules and t.cooling_schedules for t in found.thermostats)


def _zone_points(zone: str, key: str) -> list[Raw]:
    """What is read in an occupied zone."""
    temperatures = (
        ("operative_temp_c", "Operative temperature", "Zone Operative Temperature"),
        ("heating_in_force_c", "Heating set-point in force", "Zone Thermostat Heating Setpoint Temperature"),
        ("cooling_in_force_c", "Cooling set-point in force", "Zone Thermostat Cooling Setpoint Temperature"),
    )
    return [
        *(
            sensor(f"{zone}_{name}", "degC", TEMP_SPAN_C, f"{words}, {zone}", variable, key)
            for name, words, variable in temperatures
        ),
        sensor(f"{zone}_occupants", "1", (-0.1, 10000.0), f"People in {zone}", "Zone People Occupant Count", key),
    ]


def _workday() -> Raw:
    """Whether people are expected today."""
    point = sensor("workday_frac", "1", (0.0, 1.0), "1 on days when people come", "Schedule Value", _SCHEDULE)
    return {**point, "role": "signal"}


def _zone_setpoints() -> list[Raw]:
    """The thermostat's two set-points."""
    return [
        setpoint(
            f"{{zone}}_{mode}_setpoint_c",
            "degC",
            span,
            f"{mode.capitalize()} set-point, {{zone}}",
            {"component": "Zone Temperature Control", "control": f"{mode.capitalize()} Setpoint", "key": "{Zone}"},
        )
        for mode, span in (("heating", _HEATING_SPAN_C), ("cooling", _COOLING_SPAN_C))
    ]

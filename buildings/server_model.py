"""A server type as EnergyPlus objects, and the design power of the servers that a model has."""

from __future__ import annotations

import math

from .epjson import Epjson
from .errors import UserError
from .floors import floor_areas_m2
from .servers import ServerType, airflow_terms, power_terms

ITE = "ElectricEquipment:ITE:AirCooled"

# Names of the curves. The first two are those of the source models, whose limits and units stay where they are there.
_POWER, _AIRFLOW, _FANS = (
    "Data Center Servers Power fLoadTemp",
    "Data Center Servers Airflow fLoadTemp",
    "Server Fan Power fFlow",
)

# Load and inlet temperature that the curves hold for. Source: the data centres of EnergyPlus's example files.
_LOAD_TEMP_LIMITS = {
    "minimum_value_of_x": 0.0,
    "maximum_value_of_x": 1.5,
    "minimum_value_of_y": -10,
    "maximum_value_of_y": 99.0,
    "minimum_curve_output": 0.0,
    "maximum_curve_output": 99.0,
}


def put_servers(model: Epjson, servers: ServerType) -> None:
    """Makes every piece of IT equipment of a model one of a type; its design power stays what it is.

    EnergyPlus's own field of the ASHRAE class is left alone: all that it does is to count hours in reports.
    """
    constant, load, temp = power_terms(servers)
    _put(model, "Curve:Biquadratic", _POWER, _biquadratic(constant, load, temp, 0.0), _LOAD_TEMP_LIMITS)
    constant, load, temp, temp_2 = airflow_terms(servers)
    airflow = _biquadratic(constant, load, temp, temp_2)
    if math.isfinite(servers.most_airflow_frac):
        airflow["maximum_curve_output"] = servers.most_airflow_frac
    _put(model, "Curve:Biquadratic", _AIRFLOW, airflow, _LOAD_TEMP_LIMITS)
    _put(model, "Curve:Cubic", _FANS, _cubic(servers), {})
    fields = {
        "cpu_power_input_function_of_loading_and_air_temperature_curve_name": _POWER,
        "air_flow_function_of_loading_and_air_temperature_curve_name": _AIRFLOW,
        "fan_power_input_function_of_flow_curve_name": _FANS,
        "design_fan_power_input_fraction": servers.fans.frac,
        "design_fan_air_flow_rate_per_power_input": servers.airflow.m3_s_per_w,
        "design_electric_power_supply_efficiency": servers.power_supply_efficiency,
        "design_entering_air_temperature": servers.design_inlet_c,
    }
    for equipment in model.get(ITE, {}).values():
        equipment.update(fields)


def installed_w(model: Epjson, equipment: str) -> float:
    """Design power of one piece of IT equipment, all the zones together that it stands for [W].

    Raises UserError where the model has no such equipment, or no floor under it.
    """
    try:
        ite = model[ITE][equipment]
    except KeyError:
        raise UserError(f"{equipment!r}: no {ITE} of the model; it has: {', '.join(model.get(ITE, {}))}") from None
    multiplier = model["Zone"].get(ite["zone_or_space_name"], {}).get("multiplier", 1)
    if ite.get("design_power_input_calculation_method", "Watts/Unit") == "Watts/Unit":
        return float(ite["watts_per_unit"] * ite.get("number_of_units", 1) * multiplier)
    area_m2 = floor_areas_m2(model).get(ite["zone_or_space_name"], 0.0)
    if area_m2 <= 0.0:
        raise UserError(f"{equipment!r}: zone {ite['zone_or_space_name']!r} has no floor for its watts per area")
    return float(ite["watts_per_floor_area"] * area_m2 * multiplier)


def _biquadratic(constant: float, x: float, y: float, y_2: float) -> dict[str, float]:
    return {
        "coefficient1_constant": constant,
        "coefficient2_x": x,
        "coefficient3_x_2": 0.0,
        "coefficient4_y": y,
        "coefficient5_y_2": y_2,
        "coefficient6_x_y": 0.0,
    }


def _cubic(servers: ServerType) -> dict[str, float]:
    names = ("coefficient1_constant", "coefficient2_x", "coefficient3_x_2", "coefficient4_x_3")
    return {
        **{name: float(power == servers.fans.exponent) for power, name in enumerate(names)},
        "minimum_value_of_x": 0.0,
        "maximum_value_of_x": servers.fans.most_flow_frac,
    }


def _put(model: Epjson, kind: str, name: str, fields: dict[str, float], otherwise: dict[str, float]) -> None:
    """Sets fields of an object, which is made with `otherwise` where it does not exist."""
    model.setdefault(kind, {}).setdefault(name, dict(otherwise)).update(fields)

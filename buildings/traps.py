"""What makes a model look controllable that is not, or makes its results wrong: found before anyone trains on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .epjson import Epjson, Fields, find, objects, texts
from .topology import nodes, supply_nodes, whose_outlet, zones

# Managers that hold what they are given: a schedule, or another node's set-point with a fan's heat taken off.
_HARMLESS = {"setpointmanager:scheduled", "setpointmanager:scheduled:dualsetpoint", "setpointmanager:mixedair"}

# Rise of server power with inlet temperature that real servers have: a few tenths of a per cent per kelvin.
# Source: ASHRAE TC 9.9, 2011 Thermal Guidelines, power against inlet temperature (secondary).
MAX_LEAKAGE_PER_K = 0.01

# Share of the servers' design power that their fans take: 5 to 10 % for volume servers, with room for old ones.
# Source: ASHRAE TC 9.9, Data Center Power Equipment Thermal Guidelines and Best Practices, 2016 (secondary).
MAX_FAN_FRAC = 0.2

_OWN_SERVERS = (
    "name a type of server in the building file, for example `servers: volume-a2` (`airhandler buildings servers`)"
)

# Defaults of ElectricEquipment:ITE:AirCooled. Source: EnergyPlus 25.1 Input Output Reference.
_DESIGN_INLET_C = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Trap:
    """Something in a model that will mislead.

    Attributes:
        where: the object.
        what: what is wrong with it.
        remedy: what to do.
    """

    where: str
    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Objects that share a trap."""

    where: tuple[str, ...]
    what: str
    remedy: str


def grouped(found: Iterable[Trap]) -> list[Group]:
    """Traps with the objects that share them, in the order of the first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for trap in found:
        groups.setdefault((trap.what, trap.remedy), []).append(trap.where)
    return [Group(where=tuple(where), what=what, remedy=remedy) for (what, remedy), where in groups.items()]


def traps(model: Epjson) -> tuple[Trap, ...]:
    """Every trap that is known and found in a model."""
    found = (_managers, _servers, _sensorless, _economisers, _free_energy, _programs)
    return tuple(trap for look in found for trap in look(model))


def _managers(model: Epjson) -> Iterator[Trap]:
    for kind, name, manager in objects(model, "SetpointManager:*"):
        if kind.casefold() in _HARMLESS:
            continue
        at = nodes(model, manager.get("setpoint_node_or_nodelist_name", manager.get("setpoint_node_name", "")))
        words = [found for found in (whose_outlet(model, node) for node in at) if found]
        words.sort(key=lambda found: not found.startswith("supply"))
        yield Trap(
            where=f"{kind} {name}" + (f" ({words[0]})" if words else ""),
            what="computes its set-point anew in every step: a command to its node is overwritten",
            remedy="replace it by SetpointManager:Scheduled on a Schedule:Constant, and command the schedule",
        )


def _servers(model: Epjson) -> Iterator[Trap]:
    for kind, name, it in objects(model, "ElectricEquipment:ITE:AirCooled"):
        where = f"{kind} {name}"
        if str(it.get("air_flow_calculation_method", "")).casefold() == "flowcontrolwithapproachtemperatures":
            yield Trap(
                where=where,
                what="FlowControlWithApproachTemperatures bypasses the zone's thermostat: its set-point has no effect",
                remedy="set air_flow_calculation_method to FlowFromSystem, and command supply air and airflow",
            )
        if str(it.get("air_inlet_connection_type", "AdjustedSupply")).casefold() != "adjustedsupply":
            yield Trap(
                where=where,
                what=f"takes its air from {it.get('air_inlet_connection_type')}: how much supply air there is matters "
                "to its inlet only through the zone's mean temperature",
                remedy="set air_inlet_connection_type to AdjustedSupply, with the zone's supply node",
            )
        elif not float(it.get("design_recirculation_fraction", 0.0)):
            yield Trap(
                where=where,
                what="has no recirculation: its inlet is at supply temperature however little air there is",
                remedy="set design_recirculation_fraction to 0.5 and let a recirculation curve follow the mass balance "
                "over the cold aisle, as buildings/models/datacentre-dx.yaml does",
            )
        leakage = leakage_per_k(model, it)
        if leakage is not None and leakage > MAX_LEAKAGE_PER_K:
            yield Trap(
                where=where,
                what=f"its power rises by {100 * leakage:.1f} % per kelvin at its inlet, where real servers have "
                f"below {100 * MAX_LEAKAGE_PER_K:.0f} %: whoever saves HVAC energy by warmth burns more in the servers",
                remedy=_OWN_SERVERS,
            )
        share = float(it.get("design_fan_power_input_fraction", 0.0))
        if share > MAX_FAN_FRAC:
            yield Trap(
                where=where,
                what=f"its fans take {100 * share:.0f} % of its design power, where real ones take 5 to 10 %",
                remedy=_OWN_SERVERS,
            )


def leakage_per_k(model: Epjson, it: Fields) -> float | None:
    """Relative rise of CPU power with inlet temperature [1/K] at full load and design inlet; None if unknown.

    The curve is `f(load, T)`; the rise is its derivative by T over its value. Source: EnergyPlus 25.1 Engineering
    Reference, air-cooled information technology equipment; Curve:Biquadratic.
    """
    name = it.get("cpu_power_input_function_of_loading_and_air_temperature_curve_name", "")
    curve = find(model, "Curve:Biquadratic", name)
    if curve is None:
        return None
    t_c = float(it.get("design_entering_air_temperature", _DESIGN_INLET_C))
    c1, c2, c3, c4, c5, c6 = (float(curve.get(field, 0.0)) for field in _BIQUADRATIC)
    value = c1 + c2 + c3 + c4 * t_c + c5 * t_c**2 + c6 * t_c
    return (c4 + 2 * c5 * t_c + c6) / value if value else None


_BIQUADRATIC = (
    "coefficient1_constant",
    "coefficient2_x",
    "coefficient3_x_2",
    "coefficient4_y",
    "coefficient5_y_2",
    "coefficient6_x_y",
)


def _sensorless(model: Epjson) -> Iterator[Trap]:
    controlled = {
        zone
        for _, _, control in objects(model, "ZoneControl:Thermostat*")
        for zone in zones(model, control.get("zone_or_zonelist_name", control.get("zone_name", "")))
    }
    for zone, inlets in supply_nodes(model).items():
        if inlets and not controlled.intersection(zones(model, zone)):
            yield Trap(
                where=f"Zone {zone}",
                what="is conditioned, and no thermostat watches it",
                remedy="add a ZoneControl:Thermostat, or watch its temperature in the building file",
            )


def _economisers(model: Epjson) -> Iterator[Trap]:
    for kind, name, controller in objects(model, "Controller:OutdoorAir"):
        if str(controller.get("economizer_control_type", "NoEconomizer")).casefold() == "fixeddrybulb":
            limit = controller.get("economizer_maximum_limit_dry_bulb_temperature", "a fixed limit")
            yield Trap(
                where=f"{kind} {name}",
                what=f"locks outdoor air out above {limit} degC, also while the return air is hotter than that",
                remedy="where the return is hot, compare outdoor with return air: DifferentialDryBulb",
            )


def _free_energy(model: Epjson) -> Iterator[Trap]:
    for kind, name, _ in objects(model, "ZoneHVAC:IdealLoadsAirSystem", "HVACTemplate:Zone:IdealLoadsAirSystem"):
        yield Trap(
            where=f"{kind} {name}",
            what="conditions its zone without equipment: no fan, coil or chiller that control could run better",
            remedy="model the real equipment",
        )


def _programs(model: Epjson) -> Iterator[Trap]:
    for kind, name, actuator in objects(model, "EnergyManagementSystem:Actuator"):
        component = actuator.get("actuated_component_type", "")
        if component.casefold() not in {"curve", "lights", "electricequipment"}:
            yield Trap(
                where=f"{kind} {name}",
                what=f"a program of the model commands {component} "
                f"{actuator.get('actuated_component_unique_name', '')}: a command from outside would fight with it",
                remedy="leave that quantity out of the set-points, or remove the program",
            )
    for kind, name, fields in objects(model, "PythonPlugin:Instance", "ExternalInterface*"):
        yield Trap(
            where=f"{kind} {name}",
            what="is code outside the model that may command it " + ", ".join(text for _, text in texts(fields)),
            remedy="remove it, or make sure that it commands nothing that is a set-point here",
        )

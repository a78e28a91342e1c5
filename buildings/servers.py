"""Server types: power, airflow and fans against load and inlet temperature. server_model.py puts them into a model.

Of the design power `P` a share `fans.frac` is for the servers' own fans. With load `u` and inlet temperature `T`:

    cpu  = idle_frac + (1 - idle_frac) u + leakage_frac_per_k (T - at_c)                  of P (1 - fans.frac)
    flow = 1 - load_frac (1 - u) + rise_frac_per_k (T - T_design)
             + rise_frac_per_k2 ((T - least_at_c)^2 - (T_design - least_at_c)^2)          of P m3_s_per_w
             at most its value for full load at most_at_c
    fans = flow ^ exponent                                                                of P fans.frac
    plug = (cpu + fans) (2 - power_supply_efficiency)

The last line is EnergyPlus's own: it takes the losses of power supplies as a share of what they deliver.

Source: EnergyPlus 25.1 Engineering Reference, ElectricEquipment:ITE:AirCooled; the figures' sources: servers.yaml.
"""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from .envelope import RECOMMENDED
from .errors import UserError
from .settings import Strict, load_yaml


class PowerCurve(Strict):
    """Power without fans, as a share of design.

    Attributes:
        idle_frac: share at no load and `at_c`.
        leakage_frac_per_k: share that a kelvin adds, at any load [1/K].
        at_c: inlet temperature at which full load draws 1 [degC].
    """

    idle_frac: float = Field(ge=0, lt=1)
    leakage_frac_per_k: float = Field(ge=0)
    at_c: float


class AirflowCurve(Strict):
    """Airflow, as a share of design.

    Attributes:
        m3_s_per_w: design airflow per design power [m3/s per W].
        load_frac: what full load adds to idle.
        rise_frac_per_k: what a kelvin adds [1/K].
        rise_frac_per_k2: what a squared kelvin from `least_at_c` adds [1/K2].
        least_at_c: inlet temperature of the least airflow [degC].
        most_at_c: inlet temperature at which full load has the fans at full speed: at no load and no temperature is
            there more air; None is without end [degC].
    """

    m3_s_per_w: float = Field(gt=0)
    load_frac: float = Field(ge=0, le=1)
    rise_frac_per_k: float = Field(default=0.0, ge=0)
    rise_frac_per_k2: float = Field(default=0.0, ge=0)
    least_at_c: float
    most_at_c: float | None = None


class ServerFans(Strict):
    """The servers' own fans.

    Attributes:
        frac: share of the design power at design airflow.
        exponent: of the airflow in fan power: 3 by the fan laws.
        most_flow_frac: airflow beyond which fan power no longer rises, as a share of design.
    """

    frac: float = Field(ge=0, lt=1)
    exponent: Literal[1, 2, 3] = 3
    most_flow_frac: float = Field(default=2.0, ge=1)


class ServerType(Strict):
    """One kind of server; see the head of this file for what the figures mean."""

    title: str
    inlet_class: Literal["A1", "A2", "A3", "A4"]
    power: PowerCurve
    airflow: AirflowCurve
    fans: ServerFans
    design_inlet_c: float
    power_supply_efficiency: float = Field(gt=0, le=1)

    def cpu_frac(self, load_frac: float, inlet_c: float) -> float:
        """Power without fans, as a share of its design, never below 0."""
        constant, load, temp = power_terms(self)
        return max(0.0, constant + load * load_frac + temp * inlet_c)

    def airflow_frac(self, load_frac: float, inlet_c: float) -> float:
        """Airflow as a share of design, never below 0 and never above what the fans can."""
        return min(self.most_airflow_frac, max(0.0, self._airflow_frac(load_frac, inlet_c)))

    @property
    def most_airflow_frac(self) -> float:
        """Airflow with the fans at full speed, as a share of design; infinite where the curve has no end."""
        most_at_c = self.airflow.most_at_c
        return math.inf if most_at_c is None else _clean(self._airflow_frac(1.0, most_at_c))

    def _airflow_frac(self, load_frac: float, inlet_c: float) -> float:
        constant, load, temp, temp_2 = airflow_terms(self)
        return constant + load * load_frac + temp * inlet_c + temp_2 * inlet_c**2

    def power_w(self, load_frac: float, inlet_c: float, installed_w: float) -> float:
        """What the plugs of servers with so much design power draw, fans and power supplies included [W]."""
        flow = min(self.airflow_frac(load_frac, inlet_c), self.fans.most_flow_frac)
        cpu = self.cpu_frac(load_frac, inlet_c) * (1.0 - self.fans.frac)
        return installed_w * (cpu + self.fans.frac * flow**self.fans.exponent) * self.plug_ratio

    def floor_w(self, installed_w: float) -> tuple[float, float]:
        """What they draw at their load whatever control does, as `idle + per_load * load` [W, W].

        Without fans, at the lowest inlet that is recommended. Any function of the load alone leaves the optimum of
        a reward where it is; this one leaves little in it that control cannot influence.
        """
        watts = installed_w * (1.0 - self.fans.frac) * self.plug_ratio
        idle = self.cpu_frac(0.0, RECOMMENDED.low_c)
        return watts * idle, watts * (self.cpu_frac(1.0, RECOMMENDED.low_c) - idle)

    @property
    def plug_ratio(self) -> float:
        """What the plugs draw per what processors and fans get."""
        return 2.0 - self.power_supply_efficiency

    @property
    def idle_heat_frac(self) -> float:
        """Least heat of idle servers per heat at full load, at recommended inlets: there a load step adds most."""
        return self.cpu_frac(0.0, RECOMMENDED.low_c) / self.cpu_frac(1.0, RECOMMENDED.low_c)

    @property
    def idle_flow_frac(self) -> float:
        """Least airflow of idle servers per airflow at full load, at recommended inlets."""
        coolest_c = self.airflow.least_at_c if self.airflow.rise_frac_per_k == 0.0 else RECOMMENDED.low_c
        inlet_c = min(RECOMMENDED.high_c, max(RECOMMENDED.low_c, coolest_c))
        return self.airflow_frac(0.0, inlet_c) / self.airflow_frac(1.0, inlet_c)


def power_terms(servers: ServerType) -> tuple[float, float, float]:
    """`cpu` as constant, per load, per degC."""
    p = servers.power
    return _clean(p.idle_frac - p.leakage_frac_per_k * p.at_c), _clean(1.0 - p.idle_frac), p.leakage_frac_per_k


def airflow_terms(servers: ServerType) -> tuple[float, float, float, float]:
    """`flow` as constant, per load, per degC, per degC squared."""
    a, design_c = servers.airflow, servers.design_inlet_c
    squares = a.least_at_c**2 - (design_c - a.least_at_c) ** 2
    constant = 1.0 - a.load_frac - a.rise_frac_per_k * design_c + a.rise_frac_per_k2 * squares
    temp = a.rise_frac_per_k - 2.0 * a.rise_frac_per_k2 * a.least_at_c
    return _clean(constant), a.load_frac, _clean(temp), a.rise_frac_per_k2


def _clean(coefficient: float) -> float:
    """Without what the computer's arithmetic adds in the last digits."""
    return round(coefficient, 9)


class ServersFile(Strict):
    """servers.yaml."""

    types: dict[str, ServerType]


@functools.cache
def server_types() -> Mapping[str, ServerType]:
    """Every declared type by its name. Raises UserError if servers.yaml is damaged."""
    return MappingProxyType(load_yaml(Path(__file__).with_name("servers.yaml"), ServersFile).types)


def find_servers(name: str) -> ServerType:
    """A type by its name. Raises UserError with the nearest names."""
    types = server_types()
    if name not in types:
        near = difflib.get_close_matches(name, types, n=2, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(f"servers {name!r} are not known: {hint}Known: {', '.join(types)}")
    return types[name]

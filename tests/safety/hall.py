"""A hall of two zones in a few lines: what its sensors show under set-points, with a leak and biases of its own."""

from __future__ import annotations

import datetime as dt

import numpy as np

from airhandler.buildings.airflow import mixed_temp_c, recirculation_frac
from airhandler.buildings.points import Reading, Setpoints
from tests.safety.situations import START, STEP, building, healthy, setpoints

HEAT_K_KG_S = 32.0


class Hall:
    """The hot side is at its balance.

    Args:
        leak_frac: share of hot air at the inlets whatever the airflow.
        bias_k: what an inlet sensor reads too much.
        noise_k: scatter of the supply air.
        late: whether inlet sensors show the air of the reading before.
        follow_frac: share of a change of its set-point that the supply air follows at once.
        keep_frac: share of what it is off its set-point that is left after a step.
    """

    drawn_kg_s = 3.0

    def __init__(
        self,
        *,
        leak_frac: float = 0.05,
        bias_k: float = 0.0,
        noise_k: float = 0.0,
        late: bool = True,
        follow_frac: float = 1.0,
        keep_frac: float = 0.0,
    ) -> None:
        self._leak_frac, self._bias_k, self._noise_k, self._late = leak_frac, bias_k, noise_k, late
        self._follow_frac, self._keep_frac = follow_frac, keep_frac
        self._off_k = dict.fromkeys(building().zones, 0.0)
        self._told_c: dict[str, float] = {}
        self._rng = np.random.default_rng(0)
        self._time = START
        self._air_c = self._before_c = dict.fromkeys(building().zones, 24.5)

    def step(self, told: Setpoints, pause: dt.timedelta = STEP) -> Reading:
        """The next reading, once these were in force."""
        values = healthy()
        self._before_c, self._air_c = self._air_c, {}
        for zone, roles in building().zones.items():
            told_c = told[roles.supply_temp_setpoint]
            change_k = told_c - self._told_c.get(zone, told_c)
            self._off_k[zone] = self._keep_frac * self._off_k[zone] - (1.0 - self._follow_frac) * change_k
            self._told_c[zone] = told_c
            supply_c = told_c + self._off_k[zone] + self._noise_k * self._rng.standard_normal()
            flow = told[roles.supply_flow_setpoint]
            hot_c = supply_c + HEAT_K_KG_S / flow
            share = recirculation_frac(self._leak_frac, flow, self.drawn_kg_s)
            self._air_c[zone] = mixed_temp_c(supply_c, hot_c, share) + self._bias_k
            values |= {
                roles.supply_temp: supply_c,
                roles.supply_flow: flow,
                roles.zone_temp: hot_c,
                roles.server_flow: self.drawn_kg_s,
                roles.inlet_temp: (self._before_c if self._late else self._air_c)[zone],
            }
        self._time += pause
        return Reading(time=self._time, values=values)

    def anywhere(self) -> Setpoints:
        """Set-points anywhere, with air enough or not."""
        return setpoints(float(self._rng.uniform(18, 26)), float(self._rng.uniform(2.5, 5)))

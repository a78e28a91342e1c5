"""The report of a data centre: inlets of the servers, IT energy, PUE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.envelope import THERMAL_CLASSES, ThermalClass

from . import plots
from .face import Column, Figures
from .kpis import Kpis
from .numerals import SAME_FRAC, mwh, number, percent
from .plots import Drawing, Run

_S_PER_H = 3600.0


class CentreFace:
    """What a page says of server inlets."""

    words = (
        (
            "outdoor reset",
            "A rule that sets the supply air by the outdoor temperature and lets the airflow follow the servers.",
        ),
        (
            "best rule",
            "The rule in the table that used least electricity, among those without a step above allowable if there "
            "is one.",
        ),
        ("set-point", "A value that the building is told to keep: supply-air temperature and airflow of each zone."),
        ("server inlet", "Where the servers draw their air; the worst inlet is the warmest of all zones."),
        (
            "recommended, allowable",
            "ASHRAE's ranges for the inlet: leaving the first is permitted and counted, leaving the second must not "
            "happen.",
        ),
        (
            "total",
            "All electricity: HVAC, IT and everything else. Cooling alone misleads: warmer servers draw more power.",
        ),
        ("HVAC", "Cooling and ventilation: coils, supply fans, evaporative coolers."),
        ("IT", "The servers: processors, the fans inside them, losses of their power supplies."),
        (
            "PUE",
            "Power usage effectiveness: total per IT electricity. It can fall while the total rises; read it beside "
            "the total.",
        ),
    )

    def columns(self, building: Building) -> Sequence[Column]:
        """Energies, PUE, and the worst inlet."""
        return (
            Column(title=("HVAC",), unit="MWh", cell=lambda k: mwh(k.hvac_kwh)),
            Column(title=("Server", "fans"), unit="MWh", cell=lambda k: mwh(k.server_fans_kwh)),
            Column(title=("IT",), unit="MWh", cell=lambda k: mwh(k.it_kwh)),
            Column(title=("PUE",), cell=lambda k: number(k.pue, 3)),
            Column(title=("Worst", "inlet"), unit="°C", cell=lambda k: number(k.inlet_max_c)),
            Column(title=("Above", "recomm."), cell=lambda k: percent(k.above_recommended_frac)),
            Column(title=("Below", "recomm."), cell=lambda k: percent(k.below_recommended_frac)),
            Column(
                title=("Above", "allowable"),
                cell=lambda k: percent(k.above_allowable_frac),
                bad=lambda k: k.above_allowable_frac > 0.0,
            ),
        )

    def limits(self, building: Building) -> str:
        """The building's thermal class."""
        limits = _limits(building)
        return (
            f"a share is of all steps; recommended is {limits.recommended.low_c:g} to "
            f"{limits.recommended.high_c:g} °C, allowable {limits.allowable.low_c:g} to "
            f"{limits.allowable.high_c:g} °C at every server inlet (ASHRAE class {limits.name})"
        )

    def kept(self, building: Building, run: Run) -> str:
        """The allowable range."""
        limits, k = _limits(building).allowable, run.kpis
        if np.isnan(k.above_allowable_frac):
            return "no inlet temperature is known"
        hours = k.steps * building.step_s / _S_PER_H
        sides = (
            ("above", k.above_allowable_frac, limits.high_c),
            ("below", k.below_allowable_frac, limits.low_c),
        )
        broken = [
            f"an inlet was {side} the allowable {limit_c:g} °C in {percent(share)} of steps ({share * hours:,.1f} h)"
            for side, share, limit_c in sides
            if share > 0.0
        ]
        return " and ".join(broken) or f"no step outside the allowable {limits.low_c:g} to {limits.high_c:g} °C"

    def told(self, building: Building, run: Run, stock: Run | None, rule: Run | None) -> Iterator[str]:
        """The warmest inlet, and whether the rule ran cooler."""
        limits, k = _limits(building).recommended, run.kpis
        yield (
            f"The warmest inlet was {number(k.inlet_max_c)} °C; "
            f"an inlet was above the recommended {limits.high_c:g} °C in {percent(k.above_recommended_frac)} "
            f"of steps, below {limits.low_c:g} °C in {percent(k.below_recommended_frac)}."
        )
        if rule is not None and k.above_recommended_frac > rule.kpis.above_recommended_frac + SAME_FRAC:
            share = percent(rule.kpis.above_recommended_frac)
            yield f"{rule.label} was above it in {share}: the two did not run at equal temperatures."

    def tile(self, building: Building, k: Kpis) -> tuple[str, str, str]:
        """The warmest inlet."""
        limits = _limits(building)
        ranges = f"recommended to {limits.recommended.high_c:g}, allowable to {limits.allowable.high_c:g} °C"
        return f"{number(k.inlet_max_c)} °C", "warmest server inlet", ranges

    def best_rule(self, rules: Sequence[Run]) -> Run | None:
        """The rule that used least, of those that kept to the allowable range if any did."""
        return min(rules, key=lambda r: (r.kpis.above_allowable_frac > 0.0, r.kpis.site_kwh), default=None)

    def figures(self, runs: Sequence[Run], pair: Sequence[Run]) -> Figures:
        """Energy against warm inlets, the worst inlet, and what is done at which outdoor temperature."""
        yield (
            "Energy against warm inlets",
            "Further left is less electricity, further down is cooler; a red rim marks a run with a step above "
            "the allowable limit.",
            plots.trade_plot(runs),
        )
        yield (
            "How warm the worst inlet was",
            "Where a line crosses a limit, the axis below says how often the worst inlet was warmer than that.",
            plots.inlet_plot(runs),
        )
        yield (
            "What each does at which outdoor temperature",
            "Lines are medians over bins of 2 K; half of all steps lie in the shaded band around them.",
            plots.map_plot(pair),
        )

    def week(self, runs: Sequence[Run], first: int) -> Drawing:
        """Supply air, airflow, worst inlet, power."""
        return plots.week_plot(runs, first)


def _limits(building: Building) -> ThermalClass:
    return THERMAL_CLASSES[building.file.shield.inlet_class]

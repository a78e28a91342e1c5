"""The report of an office: comfort while people are there, heating, gas where there is any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.comfort import COMFORT
from airhandler.buildings.envelope import Range

from . import plots, plots_office
from .face import Column, Figures
from .kpis import MISSED_KWH_PER_KH, Kpis
from .numerals import mwh, number, percent
from .plots import Drawing, Run


class OfficeFace:
    """What a page says of people's comfort."""

    words = (
        ("setback", "A rule with one band of temperatures while people are expected, and a wider one else."),
        (
            "best rule",
            "The rule in the table with the least energy, where an hour of one kelvin outside the range counts as "
            f"{MISSED_KWH_PER_KH:g} kWh.",
        ),
        (
            "set-point",
            "A value that the building is told to keep: heating and cooling temperature of zones, supply-air "
            "temperature.",
        ),
        (
            "operative temperature",
            "What people feel: half the air's temperature, half that of the surfaces around them.",
        ),
        ("occupied", "A zone is occupied while as many people are in it as the text above the table says."),
        (
            "discomfort",
            "Kelvins outside the range times hours, of the occupied zone that is worst in each step.",
        ),
        (
            "total",
            "All electricity: HVAC, lights, office equipment. Where there is gas, the table's first energy is both "
            "together, and so is what is compared.",
        ),
        ("HVAC", "Heating, cooling and ventilation, as far as they use electricity: coils, reheat, fans."),
    )

    def columns(self, building: Building) -> Sequence[Column]:
        """Energies, and what people met."""
        gas = (Column(title=("Gas",), unit="MWh", cell=lambda k: mwh(k.gas_kwh)),) if building.file.meters.gas else ()
        return (
            *gas,
            Column(title=("HVAC",), unit="MWh", cell=lambda k: mwh(k.hvac_kwh)),
            Column(title=("Fans",), unit="MWh", cell=lambda k: mwh(k.fans_kwh)),
            Column(title=("Peak",), unit="kW", cell=lambda k: number(k.peak_kw)),
            Column(title=("Coldest", "occupied"), unit="°C", cell=lambda k: number(k.occupied_min_c)),
            Column(title=("Warmest", "occupied"), unit="°C", cell=lambda k: number(k.occupied_max_c)),
            Column(title=("Uncom-", "fortable"), cell=lambda k: percent(k.uncomfortable_frac)),
            Column(title=("Discom-", "fort"), unit="K h", cell=lambda k: number(k.uncomfortable_kh, 0)),
        )

    def limits(self, building: Building) -> str:
        """The building's category of comfort."""
        limits, shield = _range(building), building.file.shield
        return (
            f"uncomfortable is the share of occupied steps in which a zone with {_people(shield.occupied_from)} was "
            f"outside {limits.low_c:g} to {limits.high_c:g} °C operative temperature "
            f"(EN 16798-1, category {shield.comfort_category})"
        )

    def kept(self, building: Building, run: Run) -> str:
        """The comfort range."""
        limits, k = _range(building), run.kpis
        if np.isnan(k.uncomfortable_frac):
            return "nobody was there, or it is not known"
        if k.uncomfortable_frac == 0.0:
            return f"people were never outside {limits.low_c:g} to {limits.high_c:g} °C"
        return (
            f"a zone with people was outside {limits.low_c:g} to {limits.high_c:g} °C in "
            f"{percent(k.uncomfortable_frac)} of occupied steps ({number(k.uncomfortable_kh, 0)} K h)"
        )

    def told(self, building: Building, run: Run, stock: Run | None, rule: Run | None) -> Iterator[str]:
        """The extremes, and how the others did."""
        k = run.kpis
        if np.isfinite(k.occupied_min_c):
            yield f"Where people were it was {number(k.occupied_min_c)} to {number(k.occupied_max_c)} °C."
        others = [
            (name, o.kpis) for name, o in (("stock control", stock), (rule and rule.label, rule)) if o and o is not run
        ]
        if others:
            shares = (
                f"{name} {percent(o.uncomfortable_frac)} ({number(o.uncomfortable_kh, 0)} K h)" for name, o in others
            )
            yield f"Outside the range by comparison: {', '.join(shares)}."

    def tile(self, building: Building, k: Kpis) -> tuple[str, str, str]:
        """The discomfort."""
        limits = _range(building)
        beside = f"{percent(k.uncomfortable_frac)} of occupied steps outside {limits.low_c:g} to {limits.high_c:g} °C"
        return f"{number(k.uncomfortable_kh, 0)} K h", "of discomfort", beside

    def best_rule(self, rules: Sequence[Run]) -> Run | None:
        """The rule with the least energy and discomfort, weighed as in the search for its parameters."""
        return min(rules, key=lambda r: r.kpis.site_kwh + MISSED_KWH_PER_KH * r.kpis.missed_kh, default=None)

    def figures(self, runs: Sequence[Run], pair: Sequence[Run]) -> Figures:
        """Energy against discomfort, temperatures of people, and what is done at which outdoor temperature."""
        yield (
            "Energy against discomfort",
            "Further left is less energy, further down is less time with people too cold or too warm.",
            plots.trade_plot(runs),
        )
        yield (
            "How warm and how cold it was for people",
            "Of the occupied zones the warmest and the coldest in each step: where a line leaves the band, the axis "
            "below says how often it was worse than that.",
            plots_office.comfort_plot(runs),
        )
        yield (
            "What each does at which outdoor temperature",
            "Lines are medians over bins of 2 K; half of all steps lie in the shaded band around them.",
            plots_office.map_plot(pair),
        )

    def week(self, runs: Sequence[Run], first: int) -> Drawing:
        """Set-points, supply air, temperatures where people are, power."""
        return plots_office.week_plot(runs, first)


def _range(building: Building) -> Range:
    return COMFORT[building.file.shield.comfort_category]


def _people(count: float) -> str:
    return "anybody in it" if count <= 1.0 else f"{count:g} people or more"

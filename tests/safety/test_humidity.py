"""Humidity at the inlets: what supply air can mend, and what is only said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airhandler.buildings.psychrometrics import dry_bulbs_c, relative_humidities_frac
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import REMARK, Allowed, Verdict
from tests.safety.situations import TEMP, building_with, history, proposal, setpoints

COOL = {
    f"{zone}_{name}": value
    for zone in ("east", "west")
    for name, value in (("supply_air_temp_c", 20.0), ("zone_temp_c", 30.0), ("inlet_temp_c", 20.5))
}


def kept(inlet_humidity: str) -> Shield:
    return Shield(building_with(inlet_humidity=inlet_humidity))


def recommended() -> Shield:
    return kept("recommended")


def allowable() -> Shield:
    return kept("allowable")


def judged(shield: Shield, asked_c: float, dew_point_c: float, stands_c: float = 20.0, **changed: float) -> Verdict:
    readings = history(**{**COOL, "east_inlet_dew_point_c": dew_point_c, **changed})
    return shield.judge(readings, setpoints(stands_c), proposal(asked_c))


def said(verdict: Verdict) -> list[str]:
    return [reason.words for reason in verdict.reasons if reason.rule == REMARK]


# Source of the pressures: steam tables; 1.7057 kPa at 15 degC is 70 % of 2.4367 kPa at 20.66 degC.
def test_supply_air_is_held_as_warm_as_the_most_humid_inlet_needs() -> None:
    verdict = judged(recommended(), 19.0, 15.0)
    assert verdict.setpoints[TEMP] == pytest.approx(20.66, abs=0.02)
    assert verdict.reasons[0].rule == "humidity"
    assert verdict.reasons[0].words == (
        "east supply air held at 20.7 instead of 19.0 degC: east dew point 15.0 degC at the inlets: "
        "cooler air is above 70% RH, the recommended most"
    )
    assert not said(verdict)


def test_what_is_recommended_is_more_than_what_is_allowable() -> None:
    assert judged(allowable(), 19.0, 15.0).setpoints[TEMP] == 19.0
    assert isinstance(judged(recommended(), 21.0, 15.0), Allowed)


# 0.2174 kPa over ice at -12 degC is 8 % of 2.717 kPa at 22.4 degC, and the inlets are 0.5 K warmer than the supply.
def test_dry_air_is_kept_cooler_where_a_least_humidity_is_allowable() -> None:
    verdict = judged(allowable(), 22.4, -11.999)
    assert verdict.setpoints[TEMP] == pytest.approx(21.9, abs=0.05)
    assert verdict.reasons[0].words.endswith("warmer air is below 8% RH, the allowable least")
    assert not said(verdict), "what is held needs no remark"
    assert isinstance(judged(recommended(), 22.4, -8.9), Allowed)


@pytest.mark.parametrize(
    ("dew_point_c", "words"),
    [
        (16.0, "east dew point 16.0 degC at the inlets, recommended at most 15: no supply-air temperature dries it"),
        (-10.0, "east dew point -10.0 degC at the inlets, recommended at least -9: "
        "no supply-air temperature moistens it"),
    ],
)  # fmt: skip
def test_a_dew_point_out_of_range_is_said_and_changes_nothing(dew_point_c: float, words: str) -> None:
    verdict = judged(recommended(), 22.4, dew_point_c)
    assert isinstance(verdict, Allowed)
    assert said(verdict) == [words]


def test_each_range_has_its_own_dew_points() -> None:
    assert not said(judged(allowable(), 24.0, 16.0, 24.0))
    assert not said(judged(recommended(), 24.0, -9.0, 24.0)), "the end of a range is in it"
    (words,) = said(judged(allowable(), 24.0, 17.5, 24.0))
    assert words.endswith("allowable at most 17: no supply-air temperature dries it")


def test_each_zone_has_its_say() -> None:
    (words,) = said(judged(recommended(), 22.4, 8.0, west_inlet_dew_point_c=16.0))
    assert words.startswith("west dew point 16.0 degC at the inlets, recommended at most 15")


def test_only_the_allowable_range_has_a_least_humidity() -> None:
    assert judged(recommended(), 24.0, -12.0, 24.0).setpoints[TEMP] == 24.0
    assert judged(allowable(), 24.0, -12.0, 24.0).setpoints[TEMP] < 22.5


def test_the_inlet_guard_comes_before_humidity() -> None:
    hot = {"east_supply_air_temp_c": 24.0, "east_zone_temp_c": 34.0, "east_inlet_temp_c": 28.0}
    plain = Shield(building_with())
    without, verdict = (judged(s, 24.0, 18.5, 24.0, **hot) for s in (plain, recommended()))
    assert verdict.setpoints[TEMP] == without.setpoints[TEMP] < 24.0
    assert said(verdict)[-1].endswith("above 70% RH, the recommended most; other rules permit no warmer air")


@given(st.floats(10, 35), st.floats(-60, 40), st.sampled_from((recommended, allowable)))
def test_it_settles_at_once(asked_c: float, dew_point_c: float, made: Callable[[], Shield]) -> None:
    shield = made()
    once = judged(shield, asked_c, dew_point_c).setpoints
    readings = history(**{**COOL, "east_inlet_dew_point_c": dew_point_c})
    assert shield.judge(readings, setpoints(20.0), proposal(20.0, **once)).setpoints == once


@given(st.floats(-60, 40), st.floats(0.05, 1.0))
@example(0.0, 0.998046875)  # between ice and water
def test_dry_bulb_is_where_the_dew_point_has_that_humidity(dew_point_c: float, frac: float) -> None:
    (dry_c,) = dry_bulbs_c([dew_point_c], frac)
    if dry_c < 99.0:  # the end of what is tabulated
        (found,) = relative_humidities_frac(np.array([dry_c]), np.array([min(dew_point_c, dry_c)])).tolist()
        # Tabulated every 0.05 K; at 0.01 degC, between two of them, the curve over ice meets the one over water.
        assert found == pytest.approx(frac, rel=1e-4)

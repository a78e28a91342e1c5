"""How fast the inlets may change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading
from airhandler.buildings.settings import InletChange, validate
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Rejected, Verdict
from tests.safety.hall import Hall
from tests.safety.situations import TEMP, building_with, history, proposal, reading, setpoints

INLET = "east_inlet_temp_c"


def shield(max_k: float = 2.0, within_s: float = 3600.0, *more: InletChange, lag: int = 0) -> Shield:
    """Of the building whose control step is 15 minutes."""
    changes = (InletChange(max_k=max_k, within_s=within_s), *more)
    built = building_with(inlet_changes=changes, load_step_frac=0.0, stuck_points=())
    thermal = built.file.thermal.model_copy(update={"inlet_lag_steps": lag})
    return Shield(dataclasses.replace(built, file=built.file.model_copy(update={"thermal": thermal})))


def readings(*inlets_c: float | None) -> list[Reading]:
    """The newest last, at 24.5 degC, which the balance explains: 24 degC of supply, and 5 % of 34 degC."""
    return [reading(step, **{INLET: inlet_c}) for step, inlet_c in enumerate((*inlets_c, 24.5))]


def judged(made: Shield, asked_c: float, *before_c: float | None) -> Verdict:
    return made.judge(readings(*before_c), setpoints(24.0), proposal(24.0, **{TEMP: asked_c}))


def test_warming_stops_where_the_hour_leaves_no_more() -> None:
    # In balance the hot side stays 10 K warmer than the supply: the inlet rises as the supply does.
    verdict = judged(shield(), 25.5, 23.0, 23.8, 24.2)
    assert verdict.setpoints[TEMP] == pytest.approx(24.5)
    assert verdict.reasons[0].rule == "inlet-changes"
    assert verdict.reasons[0].words == (
        "east supply air held at 24.5 instead of 25.5 degC: "
        "east inlet predicted 26.0 degC, was 23.0, at most 2 K in 60 min"
    )
    assert isinstance(judged(shield(), 24.49, 23.0, 23.8, 24.2), Allowed)


def test_cooling_stops_there_too() -> None:
    # The hot side is as it is: 24 degC at the inlet are 95 % supply and 5 % of 34 degC.
    verdict = judged(shield(), 22.0, 26.0, 25.4, 25.0)
    assert verdict.setpoints[TEMP] == pytest.approx((24.0 - 0.05 * 34.0) / 0.95)
    assert verdict.reasons[0].words.endswith("was 26.0, at most 2 K in 60 min")


def test_only_the_readings_of_the_stretch_count() -> None:
    assert shield().memory == 4
    assert isinstance(judged(shield(), 25.4, 22.0, 24.0, 24.1, 24.2), Allowed)
    assert isinstance(judged(shield(within_s=900.0), 25.4, 20.0, 20.0, 20.0), Allowed)
    assert shield(within_s=7200.0).memory == 8


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize(("max_k", "readings"), [(5.0, 4), (2.0, 4), (2.0, 2), (1.5, 1)])
def test_to_and_fro_moves_the_inlets_no_further_whether_their_sensors_are_late_or_not(
    max_k: float, readings: int, lag: int
) -> None:
    made, hall, told = shield(max_k, 900.0 * readings, lag=lag), Hall(late=bool(lag)), setpoints(24.0)
    stood = [hall.step(told) for _ in range(6)]
    for step in range(120):
        asked = proposal(16.0 if step // 12 % 2 else 26.0)
        told = made.judge(stood[-made.memory :], told, asked).setpoints
        stood.append(hall.step(told))
    inlets_c = np.array([one[INLET] for one in stood[6:]])
    change_k = np.ptp(np.lib.stride_tricks.sliding_window_view(inlets_c, readings + 1), axis=1)
    assert change_k.max() > 0.9 * min(max_k, 2.5)  # the ramp of a step
    assert change_k.max() < max_k * 1.07  # the hot side comes down with the supply, which the balance does not say


def late(air_c: float, shown_c: float) -> list[Reading]:
    """The sensor shows `shown_c`, which is the air of the reading before; the air of this one is back in balance."""
    before = {"east_supply_air_temp_c": air_c, "east_zone_temp_c": air_c + 10.0}
    return [*history()[:-2], reading(2, **before), reading(3, **{INLET: shown_c})]


def test_a_late_sensor_is_left_behind_where_only_the_next_step_counts() -> None:
    # Now it shows 20.5 degC, 5 % of 30 degC and supply air of 20; next it shows 24.5, from where the set-points count.
    made, seen = shield(2.0, 900.0, lag=1), late(20.0, 20.5)
    assert isinstance(made.judge(seen, setpoints(24.0), proposal(24.0, **{TEMP: 25.9})), Allowed)
    held = made.judge(seen, setpoints(24.0), proposal(24.0, **{TEMP: 26.2}))
    assert held.setpoints[TEMP] == pytest.approx(26.0)
    # Of two steps the reading of now is one.
    assert (
        shield(2.0, 1800.0, lag=1).judge(seen, setpoints(24.0), proposal(24.0, **{TEMP: 25.9})).setpoints[TEMP] < 24.0
    )


def test_what_a_late_sensor_reads_too_little_it_will_read_next_too() -> None:
    made = shield(1.0, 900.0, lag=1)
    verdict = made.judge(late(24.0, 24.0), setpoints(24.0), proposal(24.0, **{TEMP: 25.5}))
    assert verdict.setpoints[TEMP] == pytest.approx(25.0)
    assert verdict.reasons[0].words.endswith("was 24.0, at most 1 K in 15 min")


def test_the_strictest_of_several_stretches_counts() -> None:
    both = shield(20.0, 3600.0, InletChange(max_k=1.0, within_s=900.0))
    verdict = judged(both, 25.5, 23.0, 23.8, 24.2)
    assert verdict.setpoints[TEMP] == pytest.approx(25.0)
    assert verdict.reasons[0].words.endswith("was 24.5, at most 1 K in 15 min")
    down = judged(both, 22.0, 26.0, 25.4, 25.0)
    # Of 23.5 degC at the inlet 5 % are 34 degC.
    assert down.setpoints[TEMP] == pytest.approx((23.5 - 0.05 * 34.0) / 0.95)
    assert down.reasons[0].words.endswith("was 24.5, at most 1 K in 15 min")


def test_servers_that_draw_nothing_are_no_error() -> None:
    idle = {"east_server_airflow_kg_s": 0.0, "east_supply_airflow_kg_s": 0.0}
    stood = [*readings(23.0, 23.8, 24.2)[:-1], reading(3, **{INLET: 24.5, **idle})]
    verdict = shield().judge(stood, setpoints(24.0), proposal(24.0, **{TEMP: 26.5}))
    assert verdict.reasons[0].rule == "inlet-changes"
    assert verdict.reasons[0].words.endswith("was 23.0, at most 2 K in 60 min")


def test_an_inlet_that_went_too_far_comes_back_no_faster_than_it_may() -> None:
    verdict = judged(shield(0.5), 22.0, 18.0, 18.0, 18.0)
    assert verdict.setpoints[TEMP] == pytest.approx((24.0 - 0.05 * 34.0) / 0.95)


def test_what_the_balance_does_not_explain_stays() -> None:
    stood = [reading(step, **{INLET: 23.5 + step / 1000}) for step in range(4)]
    verdict = shield(1.0).judge(stood, setpoints(24.0), proposal(24.0, **{TEMP: 25.5}))
    assert verdict.setpoints[TEMP] == pytest.approx(25.0, abs=0.01)


def test_a_too_warm_inlet_is_cooled_however_fast() -> None:
    hot = history(east_inlet_temp_c=30.0)
    free, bound = (s.judge(hot, setpoints(24.0), proposal(24.0)) for s in (Shield(building_with()), shield(0.1)))
    assert bound.setpoints[TEMP] <= free.setpoints[TEMP] < 24.0


@pytest.mark.parametrize("unknown", [None, float("nan"), 400.0])
def test_an_earlier_inlet_that_is_not_known_does_not_count(unknown: float | None) -> None:
    assert isinstance(judged(shield(), 25.4, unknown, 24.0, 24.2), Allowed)
    assert isinstance(judged(shield(), 25.4, None, None, None), Allowed)


def test_an_inlet_that_is_not_known_takes_no_other_along() -> None:
    seen = [reading(step, west_inlet_temp_c=22.5, **{INLET: None}) for step in range(3)] + [reading(3, **{INLET: 24.5})]
    west = "west_supply_air_temp_setpoint_c"
    verdict = shield().judge(seen, setpoints(24.0), proposal(24.0, **{west: 25.5}))
    assert verdict.setpoints[west] == pytest.approx(24.0, abs=0.1)  # 24.5 degC at the inlet, 2 K above what it was
    assert verdict.reasons[0].words.endswith("was 22.5, at most 2 K in 60 min")


def test_an_earlier_reading_that_is_no_reading_is_no_way_around_it() -> None:
    hostile = [*readings(23.0, 23.8)[:2], "text", readings()[-1]]
    assert isinstance(shield().judge(hostile, setpoints(24.0), proposal(25.5)), Rejected)  # type: ignore[list-item]


@given(st.lists(st.floats(15, 35), min_size=3, max_size=3), st.floats(10, 35), st.floats(0.1, 6))
def test_it_settles_at_once(before_c: list[float], asked_c: float, max_k: float) -> None:
    made = shield(max_k)
    once = judged(made, asked_c, *before_c).setpoints
    assert made.judge(readings(*before_c), setpoints(24.0), proposal(24.0, **once)).setpoints == once


@pytest.mark.parametrize("wrong", [{"max_k": 0.0}, {"max_k": -1.0}, {"within_s": 0.0}, {"within_s": 1e6}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        validate({"max_k": 5.0, "within_s": 900.0, **wrong}, InletChange, where="file")

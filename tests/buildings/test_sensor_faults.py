"""What each kind of faulty sensor shows of a truth that stays what it is, and how faults are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.faults import read_fault, sensors_of
from airhandler.buildings.instrumentation import measured_points
from airhandler.buildings.known import Array
from airhandler.buildings.model import Period
from airhandler.buildings.stress import STRESS, stress_faults

DX = find_building("datacentre-dx")
NAMES = [p.name for p in measured_points(DX)]
EAST, WEST = NAMES.index("east_inlet_temp_c"), NAMES.index("west_inlet_temp_c")
JULY = Period(start=(7, 15), days=1)
TRUTH = np.random.default_rng(0).uniform(15.0, 30.0, (97, len(NAMES)))


def shown(*texts: str, seed: int = 0, truth: Array = TRUTH) -> Array:
    sensors = sensors_of([read_fault(t, DX) for t in texts], DX, JULY, seed=seed)
    assert sensors is not None
    kept = truth.copy()
    table = np.array([sensors.seen(row, step) for step, row in enumerate(kept)])
    np.testing.assert_array_equal(kept, truth)  # the truth is bit for bit what it was
    others = [i for i in range(len(NAMES)) if i not in (EAST, WEST)]
    np.testing.assert_array_equal(table[:, others], truth[:, others])
    return table


def test_bias_is_there_from_its_begin_for_its_hours() -> None:
    error = (shown("east_inlet_temp_c:bias=2@07-15T12:00+2h") - TRUTH)[:, EAST]
    assert np.flatnonzero(error).tolist() == list(range(48, 56))
    np.testing.assert_allclose(error[48:56], 2.0)


def test_noise_has_its_size_and_its_seed() -> None:
    error = (shown("east_inlet_temp_c:noise=0.5") - TRUTH)[:, EAST]
    assert error.std() == pytest.approx(0.5, rel=0.25)
    np.testing.assert_array_equal(error, (shown("east_inlet_temp_c:noise=0.5") - TRUTH)[:, EAST])
    assert not np.array_equal(error, (shown("east_inlet_temp_c:noise=0.5", seed=1) - TRUTH)[:, EAST])


def test_drift_grows_by_the_hour() -> None:
    error = (shown("east_inlet_temp_c:drift=0.4@07-15T06:00") - TRUTH)[:, EAST]
    np.testing.assert_allclose(error[[0, 24, 28, 96]], [0.0, 0.0, 0.4, 7.2], atol=1e-12)


def test_delay_shows_what_was() -> None:
    late = shown("east_inlet_temp_c:delay=3")[:, EAST]
    np.testing.assert_array_equal(late[3:], TRUTH[:-3, EAST])
    np.testing.assert_array_equal(late[:3], TRUTH[0, EAST])


def test_drop_outs_last_as_long_as_said_and_come_as_often() -> None:
    always = shown("east_inlet_temp_c:dropout@07-15T12:00+1h")[:, EAST]
    assert np.flatnonzero(np.isnan(always)).tolist() == [48, 49, 50, 51]
    absent = np.isnan(shown("east_inlet_temp_c:dropout=0.05x4", seed=2)[:, EAST])
    lengths = [len(run) for run in "".join("x" if a else " " for a in absent[:-4]).split()]
    assert lengths
    assert min(lengths) >= 4


def test_a_stuck_sensor_shows_what_it_showed_when_it_got_stuck() -> None:
    stuck = shown("east_inlet_temp_c:stuck@07-15T12:00+2h")[:, EAST]
    np.testing.assert_array_equal(stuck[48:56], TRUTH[48, EAST])
    np.testing.assert_array_equal(stuck[56:], TRUTH[56:, EAST])


def test_absurd_and_swapped_values() -> None:
    high = DX.point("east_inlet_temp_c").high
    assert shown("east_inlet_temp_c:absurd")[0, EAST] > high
    assert shown("east_inlet_temp_c:absurd=-300")[0, EAST] == -300.0
    swapped = shown("east_inlet_temp_c:swap=west_inlet_temp_c")
    np.testing.assert_array_equal(swapped[:, [EAST, WEST]], TRUTH[:, [WEST, EAST]])


def test_faults_act_one_on_another() -> None:
    both = shown("east_inlet_temp_c:bias=2", "east_inlet_temp_c:stuck@07-15T12:00")[:, EAST]
    np.testing.assert_allclose(both[48:], TRUTH[48, EAST] + 2.0)


@pytest.mark.parametrize("level", STRESS)
def test_stress_is_on_every_sensor_that_is_observed_and_gets_worse(level: int) -> None:
    faults = stress_faults(level, DX)
    measured = [o for o in DX.observations if o.point in NAMES]
    assert {f.sensor.point for f in faults if f.sensor} == {o.point for o in measured}
    sensors = sensors_of(faults, DX, Period(days=28), seed=0)
    assert sensors is not None
    still = np.full(len(NAMES), 20.0)
    seen = np.array([sensors.seen(still, step) for step in range(28 * 96 + 1)])
    assert {f.sensor.point for f in faults if f.sensor and f.sensor.kind == "noise"} == {
        o.point for o in measured if DX.point(o.point).unit != "1"
    }
    inlet = next(o for o in measured if o.point == "east_inlet_temp_c")
    absent, stress = np.isnan(seen[:, EAST]), STRESS[level]
    assert np.nanstd(seen[:, EAST]) == pytest.approx(stress.noise_sd * (inlet.high - inlet.low) / 2, rel=0.2)
    assert absent.mean() == pytest.approx(1 - (1 - stress.spell_probability) ** stress.spell_steps, rel=0.35)


@pytest.mark.parametrize("level", STRESS)
def test_stress_is_late_and_gets_stuck(level: int) -> None:
    sensors = sensors_of(
        [f for f in stress_faults(level, DX) if f.sensor and f.sensor.kind in ("delay", "stuck")],
        DX,
        Period(days=28),
        seed=0,
    )
    assert sensors is not None
    seen = np.array([sensors.seen(np.full(len(NAMES), float(step)), step)[EAST] for step in range(28 * 96)])
    stress, late = STRESS[level], np.arange(28 * 96) - seen
    assert late[100:].min() == stress.delay_steps
    stuck = np.mean(np.diff(seen)[100:] == 0)
    assert stuck == pytest.approx(1 - (1 - stress.spell_probability) ** stress.spell_steps, rel=0.35)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "datacentre-dx has:"),
        ("east_inlet:bias=2", "measures no 'east_inlet'; nearest: east_inlet_"),
        ("east_inlet_temp_c:loose", "no kind 'loose'; there is: bias, noise"),
        ("east_inlet_temp_c:bias", "bias': bias needs a value"),
        ("east_inlet_temp_c:bias=nan", "bias needs a finite number"),
        ("east_inlet_temp_c:noise=-1", "noise needs a standard deviation"),
        ("east_inlet_temp_c:dropout=2", "dropout needs a probability, 0 to 1"),
        ("east_inlet_temp_c:delay=late", "'late' is not a number"),
        ("east_inlet_temp_c:delay=0", "greater than or equal to 1"),
        ("east_inlet_temp_c:swap", "swap needs the other point"),
        ("east_inlet_temp_c:swap=", "swap needs the other point"),
        ("east_inlet_temp_c:swap=north", "measures no 'north'"),
        ("east_inlet_temp_c:bias=2@02-30T00:00", "no such time: 02-30T00:00"),
        ("east_inlet_temp_c:bias=2@noon", "must be WHAT"),
        ("east_inlet_temp_c:bias=2+0h", "must last longer"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read_fault(text, DX)
    assert said in str(refused.value)
    assert "Value error" not in str(refused.value)
    assert text in str(refused.value)


@given(
    st.text(max_size=40) | st.from_regex(r"east_inlet_temp_c:[a-z]{3,7}(=[0-9.x-]{0,6})?(@.{0,12})?", fullmatch=True)
)
def test_any_text_is_a_fault_or_refused(text: str) -> None:
    try:
        fault = read_fault(text, DX)
    except UserError:
        return
    assert fault.sensor is not None or fault.equipment in DX.faults


def test_a_stress_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError, match="stress 4: must be one of 1, 2, 3"):
        stress_faults(4, DX)

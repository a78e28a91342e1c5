"""Which sensors are trusted."""

from __future__ import annotations

import pytest

from airhandler.buildings.errors import UserError
from airhandler.safety.sensors import SensorCheck, needed_points
from tests.safety.situations import MEMORY, building, building_with, healthy, history, reading

INLET, METER, OTHER_METER = "east_inlet_temp_c", "total_power_w", "cpu_power_w"


def doubts(readings) -> dict[str, str]:
    """Doubted point to words."""
    _, reasons = SensorCheck(building()).check(readings)
    assert all(reason.rule == "sensors" for reason in reasons)
    return {reason.point: reason.words for reason in reasons}


def watched(newest) -> dict[str, str]:
    reasons = SensorCheck(building()).watch(newest)
    assert all(reason.rule == "watch" for reason in reasons)
    return {reason.point: reason.words for reason in reasons}


def test_needed_points_are_the_roles_and_the_two_drivers() -> None:
    of_zone = {"inlet_temp_c", "inlet_dew_point_c", "zone_temp_c", "supply_air_temp_c"}
    of_zone |= {"supply_airflow_kg_s", "server_airflow_kg_s"}
    zonal = {f"{zone}_{name}" for zone in ("east", "west") for name in of_zone}
    assert needed_points(building()) == zonal | {"outdoor_air_temp_c", "it_load_frac"}


def test_healthy_readings_are_trusted_and_their_values_known() -> None:
    known, reasons = SensorCheck(building()).check(history())
    assert reasons == ()
    assert known == {name: healthy(MEMORY - 1)[name] for name in needed_points(building())}
    assert watched(reading()) == {}


def test_no_reading_is_a_doubt() -> None:
    assert doubts([]) == {"": "no reading of the building"}


@pytest.mark.parametrize("name", sorted(needed_points(building())))
@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "24", True, 1e9, -1e9])
def test_value_that_cannot_be_true_is_doubted(name: str, value: object) -> None:
    assert set(doubts(history(**{name: value}))) == {name}


def test_words_say_what_is_wrong() -> None:
    label = "Air at the server inlets, east zone: "
    assert doubts(history(**{INLET: None})) == {INLET: label + "absent"}
    assert doubts(history(**{INLET: float("nan")})) == {INLET: label + "nan is not a finite number"}
    assert doubts(history(**{INLET: "24"})) == {INLET: label + "not a number"}
    assert doubts(history(**{INLET: 61.0})) == {INLET: label + "61 degC, plausible 0 to 60"}
    old = [*history()[:-1], reading(MEMORY - 1, age_s={INLET: 3600.0})]
    assert doubts(old) == {INLET: label + "3600 s old, at most 1800 s"}
    undated = [*history()[:-1], reading(MEMORY - 1, age_s={INLET: None})]
    assert doubts(undated) == {INLET: label + "of unknown age, at most 1800 s"}


def test_unknown_name_is_absent() -> None:
    newest = reading()
    bare = {name: value for name, value in newest.values.items() if name != INLET}
    assert set(doubts([type(newest)(time=newest.time, values=bare)])) == {INLET}


@pytest.mark.parametrize("value", [0.0, 60.0])
def test_range_includes_its_ends(value: float) -> None:
    assert doubts(history(**{INLET: value})) == {}


@pytest.mark.parametrize("age_s", [1800.1, float("nan"), float("inf"), -3600.0, "old", None])
def test_stale_value_is_doubted(age_s: object) -> None:
    assert set(doubts([reading(age_s={INLET: age_s})])) == {INLET}


@pytest.mark.parametrize("age_s", [0.0, 900.0, 1800.0, -2.0, -1800.0])
def test_age_up_to_the_limit_is_trusted(age_s: float) -> None:
    assert doubts([reading(age_s={INLET: age_s})]) == {}


def test_value_without_an_age_is_fresh_however_short_the_age_may_be() -> None:
    check = SensorCheck(building_with(max_age_s=0.5))
    _, reasons = check.check([reading(age_s={INLET: 0.6})])
    assert [reason.point for reason in reasons] == [INLET]


def test_absent_and_stale_points_are_doubted_together() -> None:
    absent, old = "east_zone_temp_c", "west_zone_temp_c"
    assert set(doubts([reading(age_s={old: 3600.0}, **{absent: None})])) == {absent, old}
    assert set(watched(reading(age_s={OTHER_METER: 3600.0}, **{METER: 1e9}))) == {METER, OTHER_METER}


def same(count: int) -> list:
    """The newest `count` readings with the same inlet, after one with another."""
    return [reading(50), *[reading(step, **{INLET: 24.5}) for step in range(count)]]


def test_sensor_that_repeats_itself_to_the_last_bit_is_stuck() -> None:
    words = f"Air at the server inlets, east zone: the same value to the last bit for {MEMORY} readings"
    assert doubts(same(MEMORY)) == {INLET: words}


def test_sensor_is_not_stuck_one_reading_earlier() -> None:
    assert doubts(same(MEMORY - 1)) == {}
    assert doubts(same(MEMORY)[2:]) == {}  # too few readings to tell


@pytest.mark.parametrize("back", range(MEMORY))
def test_sensor_that_moved_by_the_last_bit_is_not_stuck(back: int) -> None:
    readings = same(MEMORY)
    readings[-1 - back] = reading(9, **{INLET: 24.500000000000004})
    assert doubts(readings) == {}


def test_only_declared_points_can_be_stuck() -> None:
    assert doubts([reading(step) for step in range(MEMORY)]) == {}  # all but the inlets stand still


def test_meter_is_only_watched() -> None:
    assert doubts(history(**{METER: 1e9})) == {}
    assert watched(reading(**{METER: 1e9})) == {METER: "Whole facility: 1e+09 W, plausible -1 to 1e+06"}
    assert set(watched(reading(**{METER: float("nan")}))) == {METER}
    assert set(watched(reading(age_s={METER: 1e6, INLET: 1e6}))) == {METER}
    assert watched(reading(**{METER: None})) == {}
    assert watched(reading(**{INLET: 1e9})) == {}


def test_reading_before_counts_only_if_all_of_it_is_sound() -> None:
    check = SensorCheck(building())
    assert check.previous([reading(1), reading(2)])[INLET] == healthy(1)[INLET]
    assert check.previous([reading(1, **{INLET: None}), reading(2)]) == {}
    assert check.previous([reading(2)]) == {}


def test_plausible_value_is_one_in_its_range() -> None:
    check = SensorCheck(building())
    assert check.plausible([reading(**{INLET: 24})], INLET) == 24.0
    assert check.plausible([reading(**{INLET: 61.0})], INLET) is None
    assert check.plausible([], INLET) is None
    assert check.plausible([reading()], "") is None


def test_memory_is_what_stuck_needs() -> None:
    assert SensorCheck(building()).memory == MEMORY


def test_unknown_stuck_point_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="east_inlet_temp_c"):
        SensorCheck(building_with(stuck_points=("{zone}_inlet_temp",)))


WEST_INLET = "west_inlet_temp_c"


@pytest.mark.parametrize("back", range(MEMORY))
def test_sensor_that_moves_is_not_stuck_where_another_one_is(back: int) -> None:
    readings = [reading(step, **{INLET: 24.5, WEST_INLET: 24.5}) for step in range(MEMORY)]
    readings[-1 - back] = reading(9, **{INLET: 24.500000000000004, WEST_INLET: 24.5})
    longer = [reading(step, **{INLET: 24.5}) for step in range(MEMORY)]
    assert set(doubts(readings)) == set(doubts([*longer, *readings])) == {WEST_INLET}


def test_sensor_that_shows_nothing_is_absent_and_not_stuck() -> None:
    readings = [reading(step, **{INLET: None, WEST_INLET: 24.5}) for step in range(MEMORY)]
    assert doubts(readings)[INLET].endswith("absent")
    assert "to the last bit" in doubts(readings)[WEST_INLET]


def test_range_of_a_meter_includes_its_ends() -> None:
    point = building().point(METER)
    for end in (point.low, point.high):
        assert watched(reading(**{METER: end})) == {}
    assert set(watched(reading(**{METER: point.high + 1.0}))) == {METER}
    assert SensorCheck(building()).plausible([reading(**{INLET: 0.0})], INLET) == 0.0
    assert SensorCheck(building()).plausible([reading(**{INLET: 60.0})], INLET) == 60.0

"""The shield's promises: G1, G2, G4, G5, G6 and G8 for any input; and its words."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.catalog import building_ids, find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.settings import SetpointRule
from airhandler.control.hostile_values import EvilFloat
from airhandler.safety.inlet_guard import InletGuard
from airhandler.safety.operator_limits import OperatorFile
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Adjusted, Allowed, Proposal, Rejected
from tests.safety.situations import (
    FLOW,
    MEMORY,
    SHIELD,
    START,
    TEMP,
    Explosive,
    Fickle,
    assert_inside,
    assert_ramped,
    building,
    building_with,
    forecast,
    healthy,
    history,
    names,
    proposal,
    ramps,
    ranges,
    reading,
    setpoints,
    shield,
)

RAMPS = ramps()
LIMITS = ranges()

junk = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(max_size=3),
    st.complex_numbers(),
    st.floats(15, 30).map(EvilFloat),
    st.just([1.0]),
    st.just(10**400),
)
sane = st.one_of(st.floats(-5, 50), st.floats(1, 8))
keys = st.one_of(st.sampled_from(names()), st.text(max_size=3), st.integers())
mappings = st.one_of(
    st.dictionaries(keys, junk | sane, max_size=6),
    st.fixed_dictionaries(dict.fromkeys(names(), junk | sane)),
    st.builds(Explosive),
    st.builds(Fickle, st.floats(), st.floats()),
)
things = st.one_of(junk, st.builds(Setpoints, mappings), mappings)
in_forces = st.one_of(st.none(), things)
proposals = st.one_of(
    st.none(), things, st.builds(Proposal, setpoints=things, time=st.just(START), controller=st.just("test"))
)
measured = st.sampled_from(sorted(healthy()))
readings = st.one_of(
    st.builds(
        lambda changed, ages: reading(1, age_s=ages, **changed),
        st.dictionaries(measured, junk | sane, max_size=4),
        st.dictionaries(measured, junk, max_size=2),
    ),
    st.builds(Reading, time=st.just(START), values=mappings, age_s=mappings),
    junk,
)
histories = st.one_of(st.lists(readings, max_size=MEMORY + 1), junk)

# Situations in which everything is sound, so that the rules decide.
sound_setpoints = st.fixed_dictionaries(
    {name: st.floats(10, 35) if "temp" in name else st.floats(0, 9) for name in names()}
).map(Setpoints)
sound_proposals = sound_setpoints.map(lambda s: Proposal(setpoints=s, time=START, controller="test"))
sound_histories = st.builds(
    lambda changed: history(**changed),
    st.fixed_dictionaries(
        {
            "it_load_frac": st.floats(0, 1.2),
            **{f"{zone}_zone_temp_c": st.floats(10, 60) for zone in building().zones},
            **{f"{zone}_inlet_temp_c": st.floats(10, 40) for zone in building().zones},
            **{f"{zone}_supply_air_temp_c": st.floats(10, 35) for zone in building().zones},
            **{f"{zone}_supply_airflow_kg_s": st.floats(0, 9) for zone in building().zones},
            **{f"{zone}_server_airflow_kg_s": st.floats(0, 9) for zone in building().zones},
        }
    ),
)


@given(histories, in_forces, proposals)
def test_judge_is_total_and_what_leaves_is_inside_the_limits(past, in_force, asked) -> None:
    assert_inside(shield().judge(past, in_force, asked))


@given(histories, sound_setpoints, proposals)
def test_what_leaves_is_inside_the_ramps_whatever_is_read_and_asked(past, in_force, asked) -> None:
    verdict = shield().judge(past, in_force, asked)
    assert_inside(verdict)
    assert_ramped(verdict, in_force)


@given(sound_histories, sound_setpoints, sound_proposals)
def test_sound_inputs_stay_inside_limits_and_ramps_and_are_rejected_only_where_nothing_is_safe(
    past, in_force, asked
) -> None:
    verdict = shield().judge(past, in_force, asked)
    if isinstance(verdict, Rejected):
        assert all(reason.words.startswith("no safe set-points: ") for reason in verdict.reasons)
        assert all(reason.slack_k > 0.3 for reason in verdict.reasons)
    assert_inside(verdict)
    assert_ramped(verdict, in_force)


@given(histories | sound_histories, in_forces | sound_setpoints, proposals | sound_proposals)
def test_judging_a_verdict_again_changes_nothing(past, in_force, asked) -> None:
    given_values = [r.values for r in past if isinstance(r, Reading)] if isinstance(past, list) else []
    given_values += [in_force.by_name] if isinstance(in_force, Setpoints) else []
    if any(isinstance(values, Fickle) for values in given_values):
        return  # a mapping that differs each time it is read is not the same situation
    once = shield().judge(past, in_force, asked)
    again = shield().judge(past, in_force, Proposal(setpoints=once.setpoints, time=START, controller="again"))
    assert again.setpoints == once.setpoints
    if isinstance(once, Allowed | Adjusted):
        assert isinstance(again, Allowed)
        assert again.setpoints is once.setpoints


@given(sound_histories, sound_setpoints, sound_proposals)
def test_allowed_is_the_very_proposal_and_adjusted_says_what_moved(past, in_force, asked) -> None:
    verdict = shield().judge(past, in_force, asked)
    if isinstance(verdict, Rejected):
        return  # nothing is safe
    moved = {name for name in names() if verdict.setpoints[name] != asked.setpoints[name]}
    assert isinstance(verdict, Adjusted if moved else Allowed)
    if not moved:
        assert verdict.setpoints is asked.setpoints
    assert {reason.point for reason in verdict.reasons} == moved
    for reason in verdict.reasons:
        assert reason.rule in {"limits", "ramp", "min-airflow", "inlet-guard"}
        assert (reason.asked, reason.given) == (
            asked.setpoints[reason.point],
            verdict.setpoints[reason.point],
        )
        assert " held at " in reason.words
        assert " instead of " in reason.words


@given(sound_histories, sound_setpoints, sound_proposals)
def test_supply_meets_the_servers_unless_limits_or_ramps_forbid_it(past, in_force, asked) -> None:
    verdict = shield().judge(past, in_force, asked)
    if verdict.setpoints == shield().judge(past, in_force, None).setpoints:
        return  # the fallback is safe by declaration
    for zone, roles in building().zones.items():
        name = roles.supply_flow_setpoint
        low, high = LIMITS[name]
        reachable = min(high, min(max(in_force[name], low), high) + RAMPS[name])
        drawn = past[-1][f"{zone}_server_airflow_kg_s"]
        assert verdict.setpoints[name] >= min(drawn, reachable) - 1e-9


def approached(in_force: Setpoints) -> dict[str, float]:
    """Where the fallback leads in one step, worked out the plain way."""
    goal = {name: 18.0 if "temp" in name else 4.5 for name in names()}
    return {n: in_force[n] + min(max(goal[n] - in_force[n], -RAMPS[n]), RAMPS[n]) for n in names()}


BROKEN = {
    "no history": ([], proposal()),
    "absent sensor": (history(west_inlet_temp_c=None), proposal()),
    "NaN sensor": (history(east_zone_temp_c=math.nan), proposal()),
    "impossible sensor": (history(outdoor_air_temp_c=99.0), proposal()),
    "stale sensor": ([reading(age_s={"it_load_frac": 7200.0})], proposal()),
    "stuck sensor": ([reading(step, east_inlet_temp_c=24.5) for step in range(MEMORY)], proposal()),
    "no proposal": (history(), None),
    "NaN proposal": (history(), proposal(**{TEMP: math.nan})),
    "infinite proposal": (history(), proposal(**{FLOW: math.inf})),
    "missing set-point": (history(), Proposal(setpoints=Setpoints({TEMP: 24.0}), time=START, controller="t")),
    "unknown set-point": (history(), proposal(boiler_c=60.0)),
    "explosive reading": ([Reading(time=START, values=Explosive())], proposal()),
    "explosive proposal": (history(), Proposal(setpoints=Setpoints(Explosive()), time=START, controller="t")),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("in_force", [setpoints(26.0, 2.5), setpoints(16.0, 6.5), setpoints(18.0, 4.5)])
def test_what_cannot_be_trusted_gives_the_known_fallback_without_a_bump(name: str, in_force: Setpoints) -> None:
    past, asked = BROKEN[name]
    verdict = shield().judge(past, in_force, asked)
    assert isinstance(verdict, Rejected)
    assert verdict.reasons
    assert dict(verdict.setpoints) == pytest.approx(approached(in_force))


@pytest.mark.parametrize("name", [name for name in BROKEN if "proposal" in name or "set-point" in name])
def test_a_proposal_that_cannot_be_trusted_is_what_the_operator_reads(name: str) -> None:
    past, asked = BROKEN[name]
    expected = "exception" if name.startswith("explosive") else "proposal"
    assert {reason.rule for reason in shield().judge(past, setpoints(), asked).reasons} == {expected}


def test_fallback_is_reached_and_kept() -> None:
    in_force = setpoints(27.0, 2.0)
    for _ in range(6):
        in_force = shield().judge([], in_force, None).setpoints
    assert in_force == shield().fallback


def test_exception_in_a_rule_gives_the_known_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(InletGuard, "narrow", fails)
    verdict = shield().judge(history(), setpoints(), proposal())
    assert isinstance(verdict, Rejected)
    assert dict(verdict.setpoints) == pytest.approx(approached(setpoints()))
    (reason,) = verdict.reasons
    assert (reason.rule, reason.words) == (
        "exception",
        "the shield met ZeroDivisionError and could not judge",
    )


def test_rule_that_computes_nonsense_cannot_break_limits_or_ramps(monkeypatch: pytest.MonkeyPatch) -> None:
    for nonsense in (math.nan, math.inf, -math.inf):
        monkeypatch.setattr("airhandler.safety.inlets.highest_setpoint_c", lambda *_, n=nonsense: np.full((2, 2), n))
        monkeypatch.setattr("airhandler.safety.inlets.least_flow_kg_s", lambda *_, n=nonsense: np.full((2, 2), n))
        verdict = shield().judge(history(), setpoints(), proposal(99.0, 99.0))
        assert_inside(verdict)
        assert_ramped(verdict, setpoints())


def test_all_doubts_are_reported_together() -> None:
    verdict = shield().judge(history(east_zone_temp_c=None, it_load_frac=None), setpoints(), None)
    assert [(r.rule, r.point) for r in verdict.reasons] == [
        ("sensors", "it_load_frac"),
        ("sensors", "east_zone_temp_c"),
        ("proposal", ""),
    ]


def test_broken_meter_is_reported_and_changes_nothing() -> None:
    asked = proposal()
    verdict = shield().judge(history(total_power_w=1e9), setpoints(), asked)
    assert isinstance(verdict, Allowed)
    assert verdict.setpoints is asked.setpoints
    assert [(r.rule, r.point) for r in verdict.reasons] == [("watch", "total_power_w")]
    adjusted = shield().judge(history(total_power_w=1e9), setpoints(), proposal(30.0))
    assert [r.rule for r in adjusted.reasons] == [*["inlet-guard"] * 4, "watch"]


def test_good_rule_is_allowed_with_the_very_same_setpoints() -> None:
    for temp_c in (24.0, 25.5):
        asked = proposal(temp_c, 1.05 * 3.0)
        assert shield().judge(history(), setpoints(), asked) == Allowed(setpoints=asked.setpoints)
        assert shield().judge(history(), setpoints(), asked).setpoints is asked.setpoints


def test_numbers_of_other_types_come_out_as_plain_floats() -> None:
    verdict = shield().judge(history(), setpoints(), proposal(24, EvilFloat(3.2)))
    assert isinstance(verdict, Allowed)
    assert_inside(verdict)
    readonly = Proposal(setpoints=Setpoints(MappingProxyType(dict(setpoints()))), time=START, controller="t")
    assert type(shield().judge(history(), setpoints(), readonly).setpoints.by_name) is dict


def test_readings_of_other_types_of_number_are_judged_as_plain_floats() -> None:
    asked, in_force = proposal(26.5, 3.0), setpoints(25.0)
    plain = shield().judge(history(), in_force, asked)
    others = {name: np.float64(value) for name, value in healthy(MEMORY - 1).items() if value is not None}
    verdict = shield().judge(history(**others), in_force, asked)
    assert verdict.setpoints == plain.setpoints
    assert verdict.kind == plain.kind == "adjusted"


def test_a_sensor_that_was_missing_hides_no_other_that_stands_still() -> None:
    seen = [reading(step, west_inlet_temp_c=24.5) for step in range(MEMORY)]
    values = {name: value for name, value in seen[-2].values.items() if name != "east_inlet_temp_c"}
    seen[-2] = Reading(time=seen[-2].time, values=values)
    verdict = shield().judge(seen, setpoints(), proposal())
    assert isinstance(verdict, Rejected)
    assert [(r.rule, r.point) for r in verdict.reasons] == [("sensors", "west_inlet_temp_c")]


def test_each_zone_is_held_by_its_own_error_bound() -> None:
    learned = forecast(bound_k=[[0.2, 2.0]] * 4)
    verdict = shield().judge(history(), setpoints(25.5), proposal(25.5), forecast=learned)
    assert verdict.setpoints["west_supply_air_temp_setpoint_c"] < verdict.setpoints[TEMP] - 0.5


def test_operator_reads_what_was_held_and_why() -> None:
    verdict = shield().judge(history(it_load_frac=1.0), setpoints(), proposal(**{TEMP: 26.4}))
    assert [r.words for r in verdict.reasons] == [
        "east supply air held at 26.2 instead of 26.4 degC: east inlet predicted 26.9 ± 0.3 degC at 01:00, limit 27"
    ]
    cool = history(east_supply_air_temp_c=20.0, east_zone_temp_c=30.0, east_inlet_temp_c=20.5)
    verdict = shield().judge(cool, setpoints(**{TEMP: 20.0}), proposal(**{TEMP: 24.8, FLOW: 2.5}))
    assert [r.words for r in verdict.reasons] == [
        "east supply air held at 22.5 instead of 24.8 degC: at most 2.5 a step, from 20",
        "east supply airflow held at 3.00 instead of 2.50 kg/s: east servers draw 3.00 kg/s",
    ]


def test_values_that_differ_little_are_told_apart() -> None:
    verdict = shield().judge(history(), setpoints(), proposal(**{FLOW: 2.9999999, TEMP: 21.49}))
    assert verdict.reasons[0].words.startswith("east supply air held at 21.500 instead of 21.490 degC")
    assert "held at 3.0 instead of 2.9999999 kg/s" in verdict.reasons[1].words


def test_fallback_asked_for_is_allowed_whatever_the_guards_say() -> None:
    past = history(east_server_airflow_kg_s=6.0)
    fallback = shield().fallback
    verdict = shield().judge(past, fallback, Proposal(setpoints=fallback, time=START, controller="t"))
    assert verdict == Allowed(setpoints=fallback)
    nearly = setpoints(18.0, 4.5, **{TEMP: 18.01})
    adjusted = shield().judge(past, fallback, Proposal(setpoints=nearly, time=START, controller="t"))
    assert adjusted.setpoints[FLOW] == 6.0


def test_ramp_starts_at_the_measured_supply_while_the_building_controls_itself() -> None:
    verdict = shield().judge(history(), None, proposal(16.0, 6.5))
    assert verdict.setpoints == setpoints(24.0 - 2.5, 3.2 + 1.5)


def test_ramp_starts_at_the_fallback_where_the_supply_is_not_measured() -> None:
    verdict = shield().judge(history(east_supply_air_temp_c=None), None, None)
    assert verdict.setpoints == setpoints(24.0 - 2.5, 4.5, **{TEMP: 18.0})
    implausible = shield().judge(history(east_supply_air_temp_c=1e9), None, None)
    assert implausible.setpoints[TEMP] == 18.0
    assert shield().judge([], None, None).setpoints == shield().fallback
    assert shield().judge([Reading(time=START, values=Explosive())], None, None).setpoints == shield().fallback


def test_ramp_starts_at_the_limit_that_a_setpoint_stands_beyond() -> None:
    verdict = shield().judge(history(), setpoints(60.0, -5.0), None)
    assert verdict.setpoints == setpoints(27.0 - 2.5, 2.0 + 1.5)


def test_one_bad_value_in_force_does_not_bump_the_others() -> None:
    verdict = shield().judge([], setpoints(27.0, 2.0, **{TEMP: math.nan}), None)
    assert verdict.setpoints == setpoints(24.5, 3.5, **{TEMP: 18.0})
    exploding = [Reading(time=START, values=Explosive())]
    verdict = shield().judge(exploding, setpoints(27.0, 2.0, **{TEMP: math.nan}), None)
    assert verdict.setpoints == setpoints(24.5, 3.5, **{TEMP: 18.0})


def test_supply_air_is_compared_with_what_was_written_only() -> None:
    """26.5 degC measured, 21.5 said to be in force: in live a coil at its end, in shadow nothing was said to it."""
    past = history(**{f"{zone}_supply_air_temp_c": 26.5 for zone in building().zones})
    live = shield().judge(past, setpoints(21.5), proposal(23.5))
    assert isinstance(live, Adjusted)
    assert {reason.rule for reason in live.reasons} == {"inlet-guard"}
    shadow = shield().judge(past, setpoints(21.5), proposal(23.5), written=False)
    assert isinstance(shadow, Allowed)
    far = shield().judge(past, setpoints(21.5), proposal(26.0), written=False)
    assert far.setpoints[TEMP] == 24.0, "the ramp starts at what would be in force all the same"


def test_set_points_on_their_way_down_are_not_taken_for_an_error_of_the_balance() -> None:
    """The inlet still shows the air of the reading before, which was 1.5 K warmer."""
    before = {f"{zone}_supply_air_temp_c": 25.5 for zone in building().zones}
    now = {f"{zone}_inlet_temp_c": 26.0 for zone in building().zones}
    late = [*history()[:-2], reading(MEMORY - 2, **before), reading(MEMORY - 1, it_load_frac=1.0, **now)]
    leaking = [*history()[:-1], reading(MEMORY - 1, it_load_frac=1.0, **now)]
    assert isinstance(shield().judge(late, setpoints(), proposal(25.9)), Allowed)
    assert isinstance(shield().judge(leaking, setpoints(), proposal(25.9)), Adjusted)


def test_shield_remembers_nothing() -> None:
    first = shield().judge(history(), setpoints(), proposal(26.4))
    shield().judge([], None, None)
    assert shield().judge(history(), setpoints(), proposal(26.4)) == first


def test_known_setpoints_are_those_of_the_building_file() -> None:
    assert shield().fallback == setpoints(18.0, 4.5)
    assert shield().memory == MEMORY


@pytest.mark.parametrize("name", building_ids())
def test_every_building_has_a_shield_whose_fallback_stands(name: str) -> None:
    of = find_building(name)
    made = Shield(of)
    limits = {p.name: (p.low, p.high) for p in of.setpoints}
    assert made.fallback.keys() == limits.keys()
    assert all(limits[n][0] <= v <= limits[n][1] for n, v in made.fallback.items())
    assert made.judge([], made.fallback, None).setpoints == made.fallback


def test_building_file_without_a_rule_for_a_setpoint_is_refused() -> None:
    kept = {"{zone}_supply_air_temp_setpoint_c": SHIELD.setpoints["{zone}_supply_air_temp_setpoint_c"]}
    with pytest.raises(UserError, match=FLOW):
        Shield(building_with(setpoints=kept))
    extra = {**SHIELD.setpoints, "boiler_c": SetpointRule(fallback=1.0, ramp_per_step=1.0)}
    with pytest.raises(UserError, match="boiler_c"):
        Shield(building_with(setpoints=extra))


def test_building_file_whose_fallback_is_beyond_the_limits_is_refused() -> None:
    temp = SHIELD.setpoints["{zone}_supply_air_temp_setpoint_c"].model_copy(update={"fallback": 40.0})
    with pytest.raises(UserError, match=f"{TEMP}.fallback 40"):
        Shield(building_with(setpoints={**SHIELD.setpoints, "{zone}_supply_air_temp_setpoint_c": temp}))


@pytest.mark.parametrize("value", [16.0, 27.0])
def test_fallback_may_lie_on_a_limit(value: float) -> None:
    known = SetpointRule(fallback=value, ramp_per_step=1.0)
    made = Shield(building_with(setpoints={**SHIELD.setpoints, "{zone}_supply_air_temp_setpoint_c": known}))
    assert made.fallback[TEMP] == value


def test_operator_reads_of_each_set_point_what_was_asked_of_it() -> None:
    verdict = shield().judge(history(), setpoints(26.0), proposal(27.0))
    warm, little = (r.words.partition(": ")[2] for r in verdict.reasons[:2])
    # 5 % of 10 K above 27; and at 3.2 kg/s after a load step (numbers in test_rules.py): 26.2 + 0.11 * 12.44
    assert warm.startswith("east inlet predicted 27.5 ± 0.3 degC at 01:00, limit 27")
    assert little.startswith(
        "east inlet predicted 27.6 degC after a load step of 25% even with supply air at 26.2 degC"
    )


def test_servers_that_draw_nothing_are_no_error() -> None:
    verdict = shield().judge(
        history(it_load_frac=1.0, east_server_airflow_kg_s=0.0), setpoints(26.0), proposal(24.0, **{TEMP: 27.0})
    )
    assert [(r.rule, r.point) for r in verdict.reasons] == [("inlet-guard", TEMP)]
    assert "east inlet predicted 27.5" in verdict.reasons[0].words


def test_fallback_that_is_too_warm_is_allowed_and_told() -> None:
    # 33 degC at an inlet whatever is done: the known fallback is what there is, and nobody may believe that it is well.
    locked = OperatorFile(locks=tuple(names()))
    fixed = Shield(building(), locked)
    verdict = fixed.judge(history(east_inlet_temp_c=33.0), setpoints(26.0), proposal(26.0, 3.2))
    assert isinstance(verdict, Allowed)
    assert [r.rule for r in verdict.reasons] == ["watch"]
    assert verdict.reasons[0].words.startswith("no safe set-points: east inlet predicted ")

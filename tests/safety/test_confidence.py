"""A proposal that is unlike a policy's training is drawn towards the fallback."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.buildings.settings import ShieldFile, validate
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Allowed, Verdict
from tests.safety.situations import FLOW, SHIELD, TEMP, building, building_with, history, proposal, setpoints


def sure() -> Shield:
    """Its fallback is 18 degC and 4.5 kg/s."""
    return Shield(building_with(confident_from=0.8, load_step_frac=0.0))


def judged(confidence: Any, temp_c: float = 24.0, flow_kg_s: float = 3.2, shield: Shield | None = None) -> Verdict:
    asked = dataclasses.replace(proposal(temp_c, flow_kg_s), confidence=confidence)
    return (shield or sure()).judge(history(), setpoints(24.0), asked)


@pytest.mark.parametrize("confidence", [None, 0.8, 0.81, 1.0, 7.0, 1])
def test_a_confident_proposal_passes_bit_for_bit_and_so_does_one_that_does_not_know(confidence: Any) -> None:
    asked = dataclasses.replace(proposal(), confidence=confidence)
    verdict = sure().judge(history(), setpoints(24.0), asked)
    assert isinstance(verdict, Allowed)
    assert verdict.setpoints is asked.setpoints


def test_what_is_missing_of_confidence_is_the_share_of_the_fallback() -> None:
    verdict = judged(0.6)
    assert verdict.setpoints[TEMP] == pytest.approx(18.0 + 0.75 * 6.0)
    assert verdict.setpoints[FLOW] == pytest.approx(4.5 - 0.75 * 1.3)
    assert {reason.rule for reason in verdict.reasons} == {"confidence"}
    east = verdict.reasons[0]
    assert (east.point, east.asked, east.given) == (TEMP, 24.0, verdict.setpoints[TEMP])
    assert verdict.reasons[0].words == (
        "east supply air drawn to 22.5 instead of 24.0 degC: "
        "this is unlike the policy's training (confidence 60%, 80% is enough)"
    )


@pytest.mark.parametrize("confidence", [0.0, -3.0, float("nan"), float("inf"), "sure", [], True])
def test_without_confidence_it_is_the_fallback_as_far_as_the_ramp_goes(confidence: Any) -> None:
    verdict = judged(confidence)
    assert (verdict.setpoints[TEMP], verdict.setpoints[FLOW]) == (21.5, 4.5)
    assert [r.rule for r in verdict.reasons if r.point == TEMP] == ["confidence", "ramp"]


def test_the_other_rules_judge_what_it_was_drawn_to() -> None:
    verdict = judged(0.4, 24.0, 2.0)
    assert verdict.setpoints[FLOW] == pytest.approx(4.5 - 0.5 * 2.5)
    assert judged(0.79, 24.0, 2.0).setpoints[FLOW] == 3.0


def test_without_the_setting_confidence_is_not_looked_at() -> None:
    assert isinstance(judged(0.0, shield=Shield(building())), Allowed)


@given(st.floats(10, 35), st.floats(0, 8), st.floats(-1, 2))
def test_it_settles_at_once(temp_c: float, flow_kg_s: float, confidence: float) -> None:
    once = judged(confidence, temp_c, flow_kg_s).setpoints
    assert sure().judge(history(), setpoints(24.0), proposal(24.0, **once)).setpoints == once


@pytest.mark.parametrize("wrong", [0.0, 1.1])
def test_a_setting_that_means_nothing_is_refused(wrong: float) -> None:
    with pytest.raises(UserError, match="confident_from"):
        validate({**SHIELD.model_dump(), "confident_from": wrong}, ShieldFile, where="file")

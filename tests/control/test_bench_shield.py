"""The benchmark of the shield: a sound shield breaks nothing, and each way to break it is counted under its name."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airhandler.__main__ import main
from airhandler.buildings.points import Setpoints
from airhandler.control import bench_shield as bench_module
from airhandler.control import shield_buildings
from airhandler.control.bench_shield import BROKEN, bench_shield
from airhandler.safety.operator_limits import OperatorLimits
from airhandler.safety.pace import Dwell
from airhandler.safety.rules import Limits, Ramp
from airhandler.safety.sensors import SensorCheck
from airhandler.safety.shield import Shield
from airhandler.safety.verdict import Adjusted, Allowed, Rejected

CASES = 400
MANY = 2_000  # twenty configurations: a setting that one in four has is missing in one run of three hundred


def found(cases: int = CASES, seed: int = 1) -> dict[str, Any]:
    return bench_shield(cases=cases, seed=seed, processes=1)


@pytest.fixture
def two_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Situations of one small building only."""
    monkeypatch.setattr(shield_buildings, "BUILDINGS", (("datacentre-dx",),))


def test_nothing_is_broken_and_every_kind_of_situation_is_there() -> None:
    told: list[int] = []
    result = bench_shield(cases=CASES, seed=2, processes=1, progress=told.append)
    assert {name: result[name] for name in BROKEN} == dict.fromkeys(BROKEN, 0)
    assert result["cases"] == sum(row["cases"] for row in result["buildings"].values()) == sum(told) == CASES
    assert result["allowed"] + result["adjusted"] + result["rejected"] == CASES
    assert min(result[name] for name in ("allowed", "adjusted", "rejected", "safe")) > 0
    assert result["safe"] < result["sound"] < CASES
    assert 0.0 < result["p50_ms"] <= result["p99_ms"] <= result["max_ms"]
    assert 0.0 < result["words_p50_ms"] <= result["words_p99_ms"] <= result["words_max_ms"]
    assert result["slowest"]["ms"] == pytest.approx(result["max_ms"], abs=1e-3)
    assert result["slowest"]["again_ms"] > 0.0
    assert re.fullmatch(r"seed 2, part \d+, case \d+, [a-z0-9-]+", result["slowest"]["where"])
    assert result["failures"] == []


def judged(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """`judge` of a shield whose verdicts are changed."""
    sound = Shield.judge

    def judge(self: Shield, *args: Any, **kwargs: Any) -> Any:
        return change(sound(self, *args, **kwargs))

    return judge


def moved(verdict: Any) -> Any:
    """An allowed proposal, changed in its last bits."""
    if not isinstance(verdict, Allowed):
        return verdict
    return replace(verdict, setpoints=Setpoints({n: v * (1 + 1e-15) for n, v in verdict.setpoints.items()}))


def trusting(verdict: Any) -> Any:
    return Adjusted(setpoints=verdict.setpoints, reasons=()) if isinstance(verdict, Rejected) else verdict


def named(verdict: Any) -> Any:
    return replace(verdict, setpoints=Setpoints({**verdict.setpoints, "boiler_c": 20.0}))


def raising(verdict: Any) -> Any:
    raise RuntimeError("boom")


def nothing(*_: object) -> None:
    pass


def severe(self: Ramp, box: Any, case: Any) -> None:
    """Asks for the coldest air always."""
    for index in range(0, len(box.asked), 2):
        box.at_most(index, -100.0, self)


def asked_again(self: Ramp, box: Any, case: Any) -> None:
    """Looks at what was asked, which no rule may."""
    for index, asked in enumerate(box.asked):
        box.at_most(index, asked - 1e-3, self)


BREAKS = {
    "outside_limits": (Limits, "narrow", nothing),
    "outside_ramps": (Ramp, "narrow", nothing),
    "outside_dwell": (Dwell, "narrow", nothing),
    "outside_operator": (OperatorLimits, "narrow", nothing),
    "malformed": (Shield, "judge", judged(named)),
    "safe_changed": (Ramp, "narrow", severe),
    "not_idempotent": (Ramp, "narrow", asked_again),
    "not_fallback": (Shield, "_approach", lambda self, stands: stands.base),
    "unsound_passed": (SensorCheck, "check", lambda self, history: (self._sound(history[-1]), ())),
    "raised": (Shield, "judge", judged(raising)),
}


@pytest.mark.usefixtures("two_zones")
@pytest.mark.parametrize("name", BROKEN)
def test_each_way_to_break_the_shield_is_counted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part, method, broken = BREAKS[name]
    monkeypatch.setattr(part, method, broken)
    result = found(MANY)
    assert result[name] > 0
    assert any(name in words for words in result["failures"])


@pytest.mark.usefixtures("two_zones")
@pytest.mark.parametrize(("change", "name"), [(moved, "safe_changed"), (trusting, "unsound_passed")])
def test_a_verdict_that_is_not_what_it_says_is_counted(
    change: Callable[[Any], Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shield, "judge", judged(change))
    assert found()[name] > 0


@pytest.mark.usefixtures("two_zones")
def test_a_reason_whose_words_cannot_be_made_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ramp, "why", lambda *_: 1 / 0)
    assert found()["raised"] > 0


@pytest.mark.usefixtures("two_zones")
def test_the_same_seed_gives_the_same_situations() -> None:
    counts = [{k: v for k, v in found(100, seed).items() if isinstance(v, int) and k != "seed"} for seed in (3, 3, 4)]
    assert counts[0] == counts[1] != counts[2]


@pytest.mark.slow
def test_processes_do_not_change_the_situations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "_CHUNK", 150)
    one, two = (bench_shield(cases=310, seed=5, processes=n) for n in (1, 2))
    assert [one[k] for k in ("cases", "allowed", "adjusted", "safe")] == [
        two[k] for k in ("cases", "allowed", "adjusted", "safe")
    ]


@pytest.mark.usefixtures("two_zones")
def test_command_prints_json_and_fails_where_a_promise_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["airhandler", "bench", "shield", "--cases", "40", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["outside_ramps"] == 0
    monkeypatch.setattr(Ramp, "narrow", nothing)
    monkeypatch.setattr(sys, "argv", ["airhandler", "bench", "shield", "--cases", "200"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "outside ramps" in capsys.readouterr().out

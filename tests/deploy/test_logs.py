"""Log lines: JSON that parses, text that reads, and what level a Tick has."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest

from airhandler.buildings.site import WriteFailed
from airhandler.control.tick import Tick
from airhandler.deploy.logs import LogFormat, set_up_logs
from airhandler.deploy.ticklog import TickLog
from airhandler.safety.verdict import Adjusted, Allowed, Reason, Rejected
from tests.deploy.scenes import SUPPLY, setpoints, tick

log = logging.getLogger("airhandler.test")
REJECTED = Rejected(setpoints=setpoints(), reasons=(Reason(rule="sensors", words="east inlet: absent"),))
ADJUSTED = Adjusted(setpoints=setpoints(), reasons=(Reason(rule="ramp", words="too far"),))


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_line_holds_time_level_logger_message_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    log.info("supply at %s", 18.5, extra={"zone": "east", "values": {"a": (1, float("nan"))}})
    (line,) = _lines(capsys)
    assert str(line.pop("time")).endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "airhandler.test",
        "message": "supply at 18.5",
        "zone": "east",
        "values": {"a": [1, None]},
    }


def test_json_stays_one_line_and_extras_forge_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    log.warning('two\nlines "quoted"', extra={"level": "critical", "time": "never", "obj": object})
    (line,) = _lines(capsys)
    assert (line["message"], line["level"]) == ('two\nlines "quoted"', "warning")
    assert line["time"] != "never"


def test_json_holds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("outside")
    (line,) = _lines(capsys)
    assert "ValueError: inside" in str(line["error"])


def test_text_line_ends_with_extras(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.TEXT)
    log.error("no reading", extra={"zone": "east"})
    assert capsys.readouterr().err.endswith(" error   airhandler.test: no reading zone=east\n")


def test_second_set_up_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.TEXT)
    set_up_logs(LogFormat.JSON)
    log.info("once")
    assert [line["message"] for line in _lines(capsys)] == ["once"]


def test_other_libraries_are_heard_only_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    logging.getLogger("elsewhere").info("chatter")
    logging.getLogger("elsewhere").warning("trouble")
    assert [line["message"] for line in _lines(capsys)] == ["trouble"]


def test_every_tick_is_a_json_line_with_fields(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    TickLog().write(tick(3, verdict=ADJUSTED))
    (line,) = _lines(capsys)
    assert (line["level"], line["message"]) == ("info", "adjusted; too far")
    assert (line["tick"], line["stage"], line["rules"], line["written"]) == (3, "live", ["ramp"], True)
    assert line["setpoints"] == dict(setpoints())
    assert SUPPLY in str(line["setpoints"])


def test_observed_tick_has_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    TickLog().write(dataclasses.replace(tick(stage="observe"), verdict=None, proposal=None))
    (line,) = _lines(capsys)
    assert (line["message"], line["verdict"], line["written"]) == ("observed", None, None)


def test_text_has_a_line_for_the_first_of_a_stretch_of_bad_ticks(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.TEXT)
    ticks = TickLog()
    failed = WriteFailed(reason="refused")
    for one in (
        tick(0),
        tick(1, verdict=REJECTED),
        tick(2, verdict=REJECTED),
        tick(3, verdict=ADJUSTED),
        tick(4, verdict=REJECTED),
        tick(5, outcome=failed),
    ):
        ticks.write(one)
    said = [line for line in capsys.readouterr().err.splitlines() if " airhandler.tick: " in line]
    assert [f"tick={n} " in line for n, line in zip((1, 4, 5), said, strict=True)] == [True] * 3
    assert "rejected; east inlet: absent" in said[0]
    assert "allowed; write failed: refused" in said[2]


def held(number: int, *points: str, words: str = "held at {} degC") -> Tick:
    reasons = tuple(Reason(rule="inlet-guard", point=p, words=f"{p} {words.format(20 + number)}") for p in points)
    return tick(number, verdict=Adjusted(setpoints=setpoints(), reasons=reasons))


def told(capsys: pytest.CaptureFixture[str], *ticks: Tick) -> list[str]:
    """What a person reads: the messages, without time, level and logger."""
    set_up_logs(LogFormat.TEXT)
    log_of_ticks = TickLog()
    for one in ticks:
        log_of_ticks.write(one)
    return [line.partition("airhandler.news: ")[2] for line in capsys.readouterr().err.splitlines()]


def test_people_are_told_what_the_shield_holds_when_it_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = (tick(0), held(1, "east"), held(2, "east"), held(3, "east", "west"), tick(4), held(5, "west"))
    assert told(capsys, *ticks) == ["adjusted; east held at 21 degC", "adjusted; west held at 23 degC"]


def test_what_has_not_been_held_for_a_while_is_news_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(told(capsys, held(1, "east"), held(9, "east"))) == 1
    assert len(told(capsys, held(1, "east"), held(10, "east"))) == 2


def test_of_many_reasons_people_are_told_three(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, held(1, "a", "b", "c", "d", "e", words="held")) == [
        "adjusted; a held; b held; c held; and 2 more"
    ]
    assert told(capsys, held(1, "a", "b", "c", words="held")) == ["adjusted; a held; b held; c held"]


def test_remarks_differ_by_their_words_and_not_by_their_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    said = ["fans draw 4.1 kW", "fans draw 4.2 kW", "dew point 17.1 degC at 14:30"]
    ticks = [
        tick(n, verdict=Allowed(setpoints=setpoints(), reasons=(Reason(rule="watch", words=words),)))
        for n, words in enumerate(said)
    ]
    assert told(capsys, *ticks) == ["allowed; fans draw 4.1 kW", "allowed; dew point 17.1 degC at 14:30"]


def test_json_has_it_in_the_line_of_the_tick_alone(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogFormat.JSON)
    TickLog().write(held(1, "east"))
    assert [line["logger"] for line in _lines(capsys)] == ["airhandler.tick"]

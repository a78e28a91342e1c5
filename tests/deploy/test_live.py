"""Live: authority is taken, comes back however the run ends, and the end is told truly."""

from __future__ import annotations

import json
import logging
import signal
import urllib.request
from pathlib import Path

import pytest

from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading
from airhandler.control.table import TickTable
from airhandler.deploy import run as run_module
from airhandler.deploy.cli import describe
from airhandler.deploy.connectors.connection import Connection
from airhandler.deploy.live import Authority, run_live
from airhandler.deploy.run import SUMMARY_FILE, TICKS_FILE, RunOutcome
from airhandler.deploy.stop import Stop
from tests.deploy.scenes import (
    INLET,
    FakeController,
    FakeWriter,
    building,
    connection,
    reading,
    setpoints,
    settings,
)

QUIET = [reading(n) for n in range(12)]


@pytest.fixture(autouse=True)
def _said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airhandler")


def _live(folder: Path, writer: FakeWriter, readings: list[Reading] = QUIET, stop: Stop | None = None) -> RunOutcome:
    return run_live(settings(folder), lambda chosen, made: connection(readings, writer), stop=stop)


def test_run_ends_with_the_site_and_gives_authority_back(
    fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = FakeWriter()
    outcome = _live(tmp_path, writer)
    assert len(writer.calls) == 13
    assert writer.calls[0] is not None
    assert writer.calls[-1] is None
    assert (outcome.stage, outcome.ticks, outcome.given_back) == ("live", 12, True)
    assert "in charge in 100.0% of steps; what follows is of all of them" in describe(outcome)
    assert "authority given back to the building's own control: the site's time is over" in caplog.messages


def test_ticks_and_summary_are_saved(fake: FakeController, tmp_path: Path) -> None:
    outcome = _live(tmp_path / "new" / "folder", FakeWriter())
    table = TickTable.load(outcome.out / TICKS_FILE, building())
    assert (len(table), set(table.stage)) == (12, {"live"})
    assert json.loads((outcome.out / SUMMARY_FILE).read_text()) == outcome.to_dict()
    assert sum(outcome.verdicts.values()) == 12
    assert sorted(p.name for p in outcome.out.iterdir()) == [SUMMARY_FILE, TICKS_FILE]


def test_stop_ends_the_run_and_is_told(fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop, writer = Stop(), FakeWriter()
    asked = iter(range(100))

    def propose(seen: Reading) -> object:
        if next(asked) == 4:
            stop.ask("an operator")
        return setpoints()

    fake.propose = propose  # type: ignore[method-assign, assignment]
    outcome = _live(tmp_path, writer, stop=stop)
    assert (outcome.why, outcome.ticks, writer.calls[-1]) == ("an operator", 5, None)
    assert len(writer.calls) == 5, "nothing is written after the stop was asked for"
    assert "authority given back to the building's own control: an operator" in caplog.messages


def test_stop_before_the_first_step_writes_nothing(
    fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop, writer = Stop(), FakeWriter()
    stop.ask("SIGTERM")
    outcome = _live(tmp_path, writer, stop=stop)
    assert (writer.calls, outcome.given_back, outcome.ticks, outcome.kpis) == ([], None, 0, None)
    assert "the building's own control kept authority: SIGTERM" in caplog.messages


@pytest.mark.parametrize("fault", [{"bad": True}, {"dead": True}])
def test_authority_that_does_not_come_back_is_never_called_given_back(
    fault: dict[str, bool], fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = _live(tmp_path, FakeWriter(**fault))
    assert outcome.given_back is False
    assert "given back to the building" not in caplog.text.replace("NOT given back", "")
    critical = [r.message for r in caplog.records if r.levelno == logging.CRITICAL]
    assert len(critical) > 1
    assert all(message.startswith("authority was NOT given back ") for message in critical)
    assert critical[-1].endswith("; the run ended: the site's time is over")


def test_failed_writes_end_our_authority_before_the_end(fake: FakeController, tmp_path: Path) -> None:
    writer = FakeWriter(bad=True)
    outcome = _live(tmp_path, writer)
    assert writer.calls[2:] == [None] * 12, "at the handover, in each of ten steps more, and at the end"
    assert outcome.handover is not None
    assert "2 failed writes in a row" in outcome.handover
    assert list(TickTable.load(outcome.out / TICKS_FILE).stage) == ["live"] * 2 + ["fallback"] * 10


def test_controller_that_fails_is_replaced_by_the_fallback_and_then_by_the_building(
    fake: FakeController, tmp_path: Path
) -> None:
    wanted, asked = setpoints(), iter(range(100))

    def propose(seen: Reading) -> object:
        if next(asked) > 0:
            raise RuntimeError("no idea")
        return wanted

    fake.propose = propose  # type: ignore[method-assign, assignment]
    writer = FakeWriter()
    outcome = _live(tmp_path, writer)
    assert outcome.verdicts["rejected"] == 11
    assert outcome.handover is not None
    assert "3 rejected in a row" in outcome.handover
    assert outcome.written_frac == 4 / 12
    assert [call is None for call in writer.calls] == [False] * 4 + [True]
    assert outcome.given_back


def test_controller_that_never_proposes_takes_no_authority(fake: FakeController, tmp_path: Path) -> None:
    fake.error = RuntimeError("no idea")
    writer = FakeWriter()
    outcome = _live(tmp_path, writer)
    assert (writer.calls, outcome.given_back, outcome.verdicts["rejected"]) == ([], None, 12)


def test_folder_of_an_earlier_run_is_refused(fake: FakeController, tmp_path: Path) -> None:
    first = _live(tmp_path, FakeWriter())
    with pytest.raises(UserError, match=f"{first.out} holds an earlier run .*--out"):
        run_live(settings(tmp_path), _must_not_connect)


def test_metrics_do_not_call_authority_over_that_was_not_given_back(
    fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    monkeypatch.setattr(run_module.Metrics, "authority", lambda self, stage: told.append(stage))
    _live(tmp_path / "kept", FakeWriter(dead=True))
    _live(tmp_path / "back", FakeWriter())
    assert told == ["fallback", "observe"]


def test_second_signal_ends_a_controller_that_hangs_and_gives_authority_back(
    fake: FakeController, tmp_path: Path
) -> None:
    stop, writer, asked = Stop(), FakeWriter(), iter(range(100))

    def propose(seen: Reading) -> object:
        if next(asked) == 2:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            raise AssertionError("it hung on")
        return setpoints()

    fake.propose = propose  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        _live(tmp_path, writer, stop=stop)
    assert [call is None for call in writer.calls] == [False, False, True]
    assert json.loads((tmp_path / SUMMARY_FILE).read_text())["given_back"] is True


def test_error_in_the_loop_gives_authority_back_saves_and_is_raised(
    fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = FakeWriter()
    made = connection(QUIET, writer)

    class Broken:
        points = made.view.site.points

        def read(self) -> Reading:
            if len(writer.calls) == 3:
                raise ZeroDivisionError("inside")
            return made.view.site.read()

        def close(self) -> None: ...

    broken = Connection(
        view=type(made.view)(site=Broken(), clock=made.view.clock, ticks=12, about="broken"), writer=writer
    )
    with pytest.raises(ZeroDivisionError):
        run_live(settings(tmp_path), lambda chosen, of: broken)
    assert writer.calls[-1] is None
    assert json.loads((tmp_path / SUMMARY_FILE).read_text())["why"] == "ZeroDivisionError: inside"
    assert "authority given back to the building's own control: ZeroDivisionError: inside" in caplog.messages


def test_listener_that_fails_does_not_end_the_run(
    fake: FakeController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(run_module.Metrics, "observe", fail)
    writer = FakeWriter()
    assert _live(tmp_path, writer).ticks == 12
    assert len(writer.calls) == 13
    assert "tick 0 was not taken note of" in caplog.messages


def test_metrics_are_served_while_it_runs_and_show_who_is_in_charge(
    fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pages = list[str]()
    readings = [*QUIET[:3], *(reading(n, **{INLET: None}) for n in range(3, 9))]

    def propose(seen: Reading) -> object:
        (url,) = [m.split()[1] for m in caplog.messages if m.startswith("metrics: ")]
        with urllib.request.urlopen(url, timeout=10) as page:
            pages.append(page.read().decode())
        return setpoints()

    fake.propose = propose  # type: ignore[method-assign, assignment]
    _live(tmp_path, FakeWriter(), readings)
    assert 'airhandler_stage{stage="live"} 1.0' in pages[2]
    assert "airhandler_applied_celsius{" in pages[2]
    assert f'airhandler_reading_celsius{{part="inlet_temp",point="{INLET}"' in pages[2]
    assert f'part="inlet_temp",point="{INLET}"' not in pages[5]
    assert 'airhandler_stage{stage="fallback"} 1.0' in pages[6]
    assert "airhandler_applied" not in pages[6]
    assert [f"airhandler_in_charge {shown}" in page for shown, page in (("1.0", pages[2]), ("0.0", pages[6]))] == [
        True
    ] * 2
    assert 'airhandler_handover_info{why="authority must go back: 3 rejected in a row' in pages[6]


def test_metrics_linger_until_a_stop_and_then_show_no_authority(
    fake: FakeController, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = list[str]()
    stop = Stop()

    def wait(seconds: float) -> bool:
        (url,) = [m.split()[1] for m in caplog.messages if m.startswith("metrics: ")]
        with urllib.request.urlopen(url, timeout=10) as page:
            pages.append(page.read().decode())
        return seconds == 7.0

    monkeypatch.setattr(stop, "wait", wait)
    chosen = settings(tmp_path, linger_s=7.0)
    run_live(chosen, lambda _, made: connection(QUIET, FakeWriter()), stop=stop)
    (page,) = pages
    assert "airhandler_ticks_total 12.0" in page
    assert 'airhandler_stage{stage="live"} 0.0' in page
    assert "airhandler_in_charge 0.0" in page
    assert "airhandler_applied" not in page


def _must_not_connect(*_: object) -> Connection:
    raise AssertionError("it has connected")


def test_folder_that_cannot_be_written_is_told_before_anything_starts(fake: FakeController, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"folder .*file.out cannot be written \(Not a directory\).*--out"):
        run_live(settings(tmp_path / "file" / "out"), _must_not_connect)


def test_port_in_use_is_told_before_anything_starts(fake: FakeController, tmp_path: Path) -> None:
    server = run_module.Metrics(building()).serve(0)
    port = int(server.url.rsplit(":", 1)[1].removesuffix("/metrics"))
    try:
        with pytest.raises(UserError, match=f"port {port} "):
            run_live(settings(tmp_path, port=port), _must_not_connect)
    finally:
        server.close()


def test_buildings_own_control_is_nothing_to_run_live(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'stock' is the building's own control"):
        run_live(settings(tmp_path, controller="stock"), _must_not_connect)


def test_authority_is_ours_once_a_write_was_tried() -> None:
    authority = Authority(FakeWriter(bad=True))
    assert authority.given_back is None
    authority.write(setpoints())
    assert authority.given_back is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed": 0.0}, "speed 0.0: must be above 0"),
        ({"speed": float("nan")}, "speed nan"),
        ({"port": 65536}, "port 65536: must be 0 to 65535"),
        ({"port": -1}, "port -1"),
        ({"linger_s": -1.0}, "linger -1.0"),
        ({"days": 0}, "days 0"),
    ],
)
def test_settings_name_what_is_wrong(changes: dict[str, float], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        settings(tmp_path, **changes)

"""What an operator has fixed by hand, in live and in shadow, and on the command line."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from airhandler.__main__ import main
from airhandler.buildings.catalog import Building
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.site import WriteOutcome, Writer
from airhandler.deploy import live
from airhandler.deploy.connectors.connection import Connection
from airhandler.deploy.connectors.simulated import connect_simulated
from airhandler.deploy.live import run_live
from airhandler.deploy.operator import Operator
from airhandler.deploy.settings import RunSettings
from airhandler.deploy.shadow import run_shadow
from airhandler.safety.verdict import Proposal
from tests.deploy.scenes import (
    START,
    SUPPLY,
    FakeController,
    FakeWriter,
    building,
    connection,
    reading,
    setpoints,
    settings,
)

NAME = "east_supply_airflow_setpoint_kg_s"


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    path = tmp_path / "operator.yaml"
    path.write_text(f"limits: {{{NAME}: {{high: 3.25}}}}\n")
    return path


def test_limits_by_hand_hold_in_live(fake: FakeController, tmp_path: Path, locked: Path) -> None:
    free, held = FakeWriter(), FakeWriter()
    for writer, operator in ((free, None), (held, locked)):
        chosen = replace(settings(tmp_path / str(operator is None)), operator=operator)
        run_live(chosen, lambda _, made, writer=writer: connection([reading(n) for n in range(6)], writer))  # type: ignore[misc]
    assert free.calls[-2][NAME] > 3.25  # type: ignore[index]
    assert held.calls[-2][NAME] == 3.25  # type: ignore[index]


def test_limits_by_hand_hold_in_shadow(fake: FakeController, tmp_path: Path, locked: Path) -> None:
    outcome = run_shadow(
        replace(settings(tmp_path / "shadow"), operator=locked),
        lambda _, made: connection([reading(n) for n in range(6)], FakeWriter()).view,
    )
    assert outcome.verdicts["adjusted"] == outcome.ticks


@pytest.mark.parametrize("command", ["live", "shadow"])
def test_a_file_that_is_wrong_is_one_line_and_nothing_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text("locks: [east_supply_airflow_setpoint]\n")
    monkeypatch.setattr(sys, "argv", ["airhandler", command, "constant", "--operator", str(path)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = [said for said in capsys.readouterr().err.splitlines() if said]
    assert line == f"airhandler: {path}: locks.east_supply_airflow_setpoint: the building has no such set-point; " + (
        f"nearest: {NAME}, west_supply_airflow_setpoint_kg_s, {building().setpoints[0].name}"
    )
    assert list(tmp_path.iterdir()) == [path]


def given(operator: Operator, supply_c: float = 20.0, flow_kg_s: float = 4.6) -> Setpoints:
    """What a proposal gets now where everything stands at 20 degC and 4.5 kg/s."""
    asked = Proposal(setpoints=setpoints(supply_c, flow_kg_s), time=START, controller="test")
    verdict = operator.shield().judge([reading(n) for n in range(9)], setpoints(), asked)
    return verdict.setpoints


def remarks(operator: Operator) -> list[str]:
    asked = Proposal(setpoints=setpoints(), time=START, controller="test")
    return [r.words for r in operator.shield().judge([reading(n) for n in range(9)], setpoints(), asked).reasons]


def test_a_changed_file_holds_from_the_next_look_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text("{}")
    operator = Operator(path, building())
    assert given(operator)[NAME] == 4.6
    assert operator.shield() is operator.shield()
    path.write_text(f"locks: [{NAME}]\nfan_power_cap_w: 90000\nwhy: filters\n")
    assert given(operator)[NAME] == 4.5
    path.write_text(f"limits: {{{NAME}: {{high: 4.55}}}}\n")
    assert given(operator)[NAME] == 4.55
    assert [record.getMessage().removeprefix("operator's file read anew: ") for record in caplog.records] == [
        f"{NAME} locked where it stands; fan_power_cap_w 90000; why: filters",
        f"{NAME} no longer locked; {NAME} from the building's own to 4.55; fan_power_cap_w the building's own; "
        "why: not said",
    ]


@pytest.mark.parametrize(
    "content", [b"locks: [nothing]", b"locks: [", b"\xff\xfe", b"", b"[1]", b"limits: {x: {high: .nan}}", None]
)
def test_a_file_that_is_refused_or_gone_changes_nothing_and_is_said(
    content: bytes | None, locked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    operator = Operator(locked, building())
    sound = locked.read_text()
    assert given(operator)[NAME] == pytest.approx(3.25)
    if content is None:
        locked.unlink()
    else:
        locked.write_bytes(content)
    for _ in range(2):
        assert given(operator)[NAME] == pytest.approx(3.25)
        assert any(words.startswith("operator's file refused: ") for words in remarks(operator))
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    gone = record.getMessage().endswith(f"{locked}: cannot be read: No such file or directory")
    assert gone == (content is None)
    locked.write_text(sound)
    assert given(operator)[NAME] == pytest.approx(3.25)
    assert not any("refused" in words for words in remarks(operator))


def test_a_change_that_leaves_time_and_size_alone_is_seen(locked: Path) -> None:
    operator, before = Operator(locked, building()), locked.stat()
    locked.write_text(locked.read_text().replace("3.25", "3.75"))
    os.utime(locked, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert given(operator)[NAME] == pytest.approx(3.75)


class Restless(FakeController):
    """Asks for other airflow in every step, and writes the operator's file in some."""

    def __init__(self, path: Path, at: Mapping[int, str]) -> None:
        super().__init__()
        self._path, self._at, self._step = path, at, -1

    def propose(self, reading: Reading) -> Setpoints:
        self._step += 1
        if self._step in self._at:
            self._path.write_text(self._at[self._step])
        return setpoints(24.0, 5.0 + 0.01 * self._step)


class Noted:
    """A writer that keeps what a real one is told."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.written = writer, list[Setpoints]()

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        self.written.append(setpoints)
        return self.writer.write(setpoints)

    def relinquish(self) -> WriteOutcome:
        return self.writer.relinquish()


@pytest.mark.slow
def test_limits_and_locks_change_while_a_simulated_building_is_controlled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, noted = tmp_path / "operator.yaml", list[Noted]()
    path.write_text("{}")
    by_hand = f"locks: [{NAME}]\nlimits: {{{SUPPLY}: {{high: 20}}}}\n"
    restless = Restless(path, {9: by_hand, 19: "locks: [boiler]", 29: "{}"})
    monkeypatch.setattr(live, "find_controller", lambda name, building: restless)

    def connect(chosen: RunSettings, made: Building) -> Connection:
        real = connect_simulated(chosen, made)
        noted.append(Noted(real.writer))
        return Connection(view=real.view, writer=noted[0])

    caplog.set_level(logging.INFO, logger="airhandler")
    run_live(replace(settings(tmp_path / "run"), operator=path, days=1), connect)
    flows, temps = ([given[name] for given in noted[0].written] for name in (NAME, SUPPLY))
    assert flows[9] == pytest.approx(5.09)
    assert set(flows[10:30]) == {flows[9]}
    assert flows[30] == pytest.approx(5.3)
    assert temps[9] == pytest.approx(24.0)
    assert (temps[10], temps[11]) == (21.5, 20.0)
    assert set(temps[11:30]) == {20.0}
    assert temps[30] == pytest.approx(22.5)
    said = [r for r in caplog.records if r.name == "airhandler.operator"]
    assert [r.levelname for r in said] == ["WARNING", "ERROR", "WARNING"]
    refused = [r for r in caplog.records if r.name == "airhandler.tick" and "operator's file refused" in r.getMessage()]
    assert len(refused) == 10

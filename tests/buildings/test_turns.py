"""EnergyPlus and its caller take turns: on a stack of its own and in a greenlet, with the same result."""

from __future__ import annotations

import ctypes
import gc
import shutil
import sysconfig
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airhandler.buildings import energyplus, interrupts, turns
from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SimulationError
from airhandler.buildings.instrumentation import InstrumentedRun
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather

WAYS = [turns.in_greenlet, *([turns.on_own_stack] if turns.COMPILED else [])]
BUILDING, CHICAGO, DAY = find_building("datacentre-dx"), find_weather("chicago"), Period(start=(7, 1), days=1)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One way after the other."""
    monkeypatch.setattr(energyplus, "take_turns", request.param)


def run_of(*, started: bool = True) -> InstrumentedRun:
    run = InstrumentedRun(BUILDING, CHICAGO, DAY)
    if started:
        run.start()
    return run


def taken(run: InstrumentedRun) -> turns.Turns:
    found = run._engine._turns
    assert found is not None
    return found


def test_the_stack_of_its_own_is_compiled_where_it_can_be() -> None:
    possible = shutil.which("cc") and (Path(sysconfig.get_path("include")) / "Python.h").exists()
    assert turns.COMPILED or not possible
    assert energyplus.take_turns is WAYS[-1]


def test_every_way_gives_the_same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    days = []
    for way in WAYS:
        monkeypatch.setattr(energyplus, "take_turns", way)
        run = run_of(started=False)
        rng = np.random.default_rng(0)
        rows = [run.start()]
        while (values := run.step(np.array([22.0, rng.uniform(2.5, 5.0), 20.0, np.nan]))) is not None:
            rows.append(values)
        assert taken(run).ended
        run.close()
        days.append(rows)
    assert all(len(day) == 1 + run.total_steps for day in days)
    assert all(np.array_equal(day, days[0], equal_nan=True) for day in days)


def test_runs_of_several_ways_take_turns_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of each, step by step: none is taken for another."""
    runs = []
    for way in WAYS * 2:
        monkeypatch.setattr(energyplus, "take_turns", way)
        runs.append(run_of())
    supply = np.linspace(18.0, 24.0, len(runs))
    together = [[run.step(np.array([c, 4.0, c, 4.0])) for _ in range(10)] for run, c in zip(runs, supply, strict=True)]
    interleaved = [
        [run.step(np.array([c, 4.0, c, 4.0])) for run, c in zip(runs, supply, strict=True)] for _ in range(9)
    ]
    assert len({str(rows[-1]) for rows in together}) == len(runs)
    assert len({str(values) for values in interleaved[-1]}) == len(runs)
    assert [run.steps for run in runs] == [19] * len(runs)
    for run in runs:
        run.close()


@pytest.mark.usefixtures("way")
def test_a_run_that_is_forgotten_is_ended() -> None:
    run = run_of()
    turn, folder = taken(run), run._engine._folder
    assert folder is not None
    assert folder.exists()
    del run
    gc.collect()
    assert turn.ended
    assert not folder.exists()


@pytest.mark.usefixtures("way")
def test_a_run_that_is_closed_is_ended_and_cannot_go_on() -> None:
    run = run_of()
    run.step(run.array(None))
    turn = taken(run)
    run.close()
    run.close()
    assert turn.ended
    assert (turn.code, turn.steps) == (0, 1)
    with pytest.raises(RuntimeError, match="the call has ended"):
        turn.go_on()
    with pytest.raises(SimulationError, match="not running"):
        run.step(run.array(None))


@pytest.mark.usefixtures("way")
def test_another_thread_cannot_go_on() -> None:
    run, raised = run_of(), list[Exception]()

    def elsewhere() -> None:
        try:
            run.step(run.array(None))
        except Exception as error:  # noqa: BLE001 - of the libraries' own kinds
            raised.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "thread" in str(raised[0])
    assert run.step(run.array(None)) is not None, "its own thread can"
    assert run.steps == 1
    run.close()


class _RaisesFirst:
    """A caller's greenlet, as a callback sees it whose first line is interrupted by a signal's handler."""

    def __init__(self, caller: Any) -> None:
        self._caller, self._raised = caller, False

    def switch(self, stepped: bool) -> None:
        if not self._raised:
            self._raised = True
            raise SystemExit("asked to stop")
        self._caller.switch(stepped)


def test_an_exception_in_a_callback_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a greenlet's callbacks: those of the other way have no line of Python."""
    monkeypatch.setattr(energyplus, "take_turns", turns.in_greenlet)
    run = run_of()
    inside: Any = taken(run)
    current = inside._here
    monkeypatch.setattr(inside, "_here", lambda: _RaisesFirst(current()))
    with pytest.raises(SystemExit, match="asked to stop"):
        run.step(run.array(None))
    assert not interrupts._inside
    monkeypatch.setattr(inside, "_here", current)
    assert run.step(run.array(None)) is not None
    assert run.steps == 2, "no step was lost"
    run.close()


@pytest.mark.skipif(not turns.COMPILED, reason="there is no compiler")
@pytest.mark.parametrize("arguments", [(), (1,), (1, 1, "x"), ("x", 1, (ctypes.c_char_p * 1)())])
def test_what_is_no_call_is_an_error(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        turns.OnOwnStack(*arguments)

"""What people are told of a site, and first of all what may be in force with nobody who looks after it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from airhandler.control.tick import Stage
from airhandler.deploy.signs import ControllerSign
from airhandler.deploy.situation import situation
from airhandler.deploy.state import StateFolder

DANGER = "WHAT WE WROTE MAY STILL BE IN FORCE"


def said(state: StateFolder, pid: int, *, stage: Stage = "live") -> None:
    """A controller's last word: it is in charge."""
    sign = ControllerSign(
        pid=pid,
        site="hall",
        controller="agent",
        stage=stage,
        in_charge=True,
        tick=7,
        site_time=dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC),
        step_s=900.0,
        at_s=state.signs.now_s(),
        boot=state.signs.boot,
    )
    state.signs.put_controller(sign)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path)


def lines(state: StateFolder) -> list[str]:
    return situation(state).lines()


def test_who_was_killed_in_charge_with_nobody_who_watches_is_the_first_line(state: StateFolder, tmp_path: Path) -> None:
    with state.lock() as lock:
        state.lease.take(3.0, token=lock.holder.token, site_file=tmp_path / "site.yaml")
        said(state, lock.holder.pid)
        assert not lines(state)[0].startswith(DANGER)
    assert lines(state)[0].startswith(DANGER)
    assert "start `airhandler watchdog SITE.yaml`, or release our slots at the operator station" in lines(state)[0]
    state.lease.revoke("silent", given_back=True)
    assert lines(state)[0] == "no controller runs on this site"


def test_who_let_go_leaves_nothing_in_force(state: StateFolder, tmp_path: Path) -> None:
    with state.lock() as lock:
        state.lease.take(3.0, token=lock.holder.token, site_file=tmp_path / "site.yaml")
        state.lease.release()
    assert lines(state)[0] == "no controller runs on this site"


def test_what_another_one_said_is_not_what_this_one_does(state: StateFolder) -> None:
    with state.lock() as lock:
        said(state, lock.holder.pid + 1)
        assert lines(state)[1] == "it has not taken a step yet"
        said(state, lock.holder.pid)
        assert lines(state)[1] == "stage: live (agent on hall), in charge"


def test_authority_that_is_to_go_back_and_has_not_is_said(state: StateFolder) -> None:
    with state.lock() as lock:
        said(state, lock.holder.pid, stage="fallback")
        assert "NOT given back yet: if it stays so, release our slots at the operator station" in lines(state)[1]

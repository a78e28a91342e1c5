"""What people are told of a site, and first of all what may be in force with nobody who looks after it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from airhandler.control.tick import Stage
from airhandler.deploy.signs import ControllerSign, ShownInlet, ShownSetpoint, WatchdogSign
from airhandler.deploy.situation import situation
from airhandler.deploy.state import Holder, StateFolder

NOON = dt.datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
DANGER = "WHAT WE WROTE MAY STILL BE IN FORCE"


def said(state: StateFolder, holder: Holder, *, stage: Stage = "live", **more: Any) -> None:
    """A controller's last word: it is in charge, unless told."""
    sign = ControllerSign(
        pid=holder.pid,
        token=holder.token,
        site="hall",
        controller="agent",
        stage=stage,
        tick=7,
        site_time=NOON,
        step_s=900.0,
        at_s=state.signs.now_s(),
        boot=state.signs.boot,
        **{"in_charge": True, **more},
    )
    state.signs.put_controller(sign)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path)


def lines(state: StateFolder) -> list[str]:
    return situation(state).lines()


def watch(state: StateFolder) -> None:
    """A watchdog's sign; its lock is the test's to hold."""
    state.signs.put_watchdog(WatchdogSign(pid=1, ready=True, at_s=state.signs.now_s(), boot=state.signs.boot))


def test_who_was_killed_in_charge_with_nobody_who_watches_is_the_first_line(state: StateFolder, tmp_path: Path) -> None:
    with state.lock() as lock:
        state.lease.take(3.0, token=lock.holder.token, site_file=tmp_path / "site.yaml")
        said(state, lock.holder)
        assert not lines(state)[0].startswith(DANGER)
    assert lines(state)[0].startswith(DANGER)
    assert (
        lines(state)[-1] == "next: start `airhandler watchdog SITE.yaml`, or release our slots at the operator station"
    )
    assert situation(state).to_dict()["in_charge"] is True
    with state.lock("watchdog") as watchdog:
        assert lines(state)[0] == f"{DANGER}: the watchdog is giving it back"
        assert lines(state)[-1].startswith(f"next: wait for the watchdog (process {watchdog.holder.pid}), or release")
    state.lease.revoke("silent", given_back=True)
    assert lines(state)[0] == "no controller runs on this site"


def test_who_let_go_leaves_nothing_in_force(state: StateFolder, tmp_path: Path) -> None:
    with state.lock() as lock:
        state.lease.take(3.0, token=lock.holder.token, site_file=tmp_path / "site.yaml")
        state.lease.release()
    assert lines(state)[0] == "no controller runs on this site"


def test_what_another_one_said_is_not_what_this_one_does(state: StateFolder) -> None:
    with state.lock() as lock:
        said(state, lock.holder.model_copy(update={"token": "another"}))
        assert lines(state)[1] == "it has not taken a step yet"
        said(state, lock.holder)
        assert lines(state)[1] == "stage: live (agent on hall), in charge"


def test_authority_that_is_to_go_back_and_has_not_is_said(state: StateFolder) -> None:
    with state.lock() as lock:
        said(state, lock.holder, stage="fallback")
        assert "NOT given back yet: if it stays so, release our slots at the operator station" in lines(state)[1]


SUPPLY = ShownSetpoint(name="supply_c", unit="degC", own=18.0, wanted=24.0, judged=22.0, in_force=None, share=0.25)


def test_advice_shows_who_wants_what_and_how_to_accept_it(state: StateFolder) -> None:
    with state.lock() as lock, state.lock("watchdog"):
        watch(state)
        said(state, lock.holder, stage="advisory", in_charge=False, setpoints=(SUPPLY,), notes=("held at 22",))
        told = lines(state)
    assert told[1:] == [
        "stage: advisory (agent on hall), not in charge: the building's own control is",
        "last step: 7, 0 s ago, 2026-07-01T12:00:00+00:00 of the site's time",
        "set-point  own control  controller  shield  in force  share",
        "supply_c         18.00       24.00   22.00    - degC    25%",
        "shield: held at 22",
        "watchdog: ready",
        "next: `airhandler order SITE.yaml accept --for 1h` writes what is advised for an hour of the site's time",
    ]


def test_an_acceptance_says_until_when(state: StateFolder) -> None:
    with state.lock() as lock, state.lock("watchdog"):
        watch(state)
        said(state, lock.holder, stage="advisory", until=NOON + dt.timedelta(hours=1))
        assert lines(state)[1].endswith("in charge until 2026-07-01T13:00:00+00:00")
        said(state, lock.holder, stage="advisory", in_charge=False, until=NOON + dt.timedelta(hours=1))
        assert lines(state)[1].endswith("; accepted until 2026-07-01T13:00:00+00:00, written from the next step on")


def test_a_walk_back_is_called_one(state: StateFolder) -> None:
    with state.lock() as lock:
        said(state, lock.holder, leaving=True, until=NOON + dt.timedelta(hours=1))
        assert lines(state)[1].endswith("in charge, and going back step by step until 2026-07-01T13:00:00+00:00")


def test_how_far_authority_has_grown_and_how_warm_the_servers_are(state: StateFolder) -> None:
    inlet = ShownInlet(name="east_inlet_temp_c", value_c=26.0, recommended_c=27.0, allowable_c=32.0)
    with state.lock() as lock:
        for value_c, words in ((26.0, ""), (27.5, ", above recommended"), (32.1, ", ABOVE ALLOWABLE")):
            warm = inlet.model_copy(update={"value_c": value_c})
            said(state, lock.holder, inlet=warm, exercised_s=43200.0, ramp_s=7 * 86400.0)
            told = lines(state)
            assert told[3] == "authority: day 0.5 of 7 in charge; shares below"
            assert told[4] == (
                f"warmest inlet: {value_c:.1f} degC (east_inlet_temp_c){words}; recommended to 27, allowable to 32"
            )


def test_what_a_person_does_next_where_authority_went_back(state: StateFolder, tmp_path: Path) -> None:
    def last() -> str:
        return situation(state, "hall.yaml").lines()[-1]

    with state.lock() as lock:
        state.lease.take(3.0, token=lock.holder.token, site_file=tmp_path / "site.yaml")
        said(state, lock.holder, stage="fallback", in_charge=False)
        assert last() == (
            "next: start the watchdog: `airhandler watchdog hall.yaml`; then `airhandler order hall.yaml reset`"
        )
        with state.lock("watchdog"):
            watch(state)
            assert last().startswith(
                "next: look at what `why` says, put it right; then `airhandler order hall.yaml reset`"
            )
            said(state, lock.holder)
            assert last() == "next: `airhandler order hall.yaml give-back` takes authority back"
    state.lease.revoke("killed", given_back=True)
    assert "stage: live (agent on hall), was in charge; since then given back, and confirmed" in lines(state)
    assert (
        last() == "next: see why it ended; one that is started writes nothing before `airhandler order hall.yaml reset`"
    )
    assert situation(state, "hall.yaml").to_dict()["next"] == last().removeprefix("next: ")

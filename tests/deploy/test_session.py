"""A live session: orders, lease, journal and shield together, on a fake bus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.control.loop import Loop
from airhandler.control.tick import Grant, Tick
from airhandler.deploy.journal_reading import rows
from airhandler.deploy.operator import Operator
from airhandler.deploy.orders import OrderKind
from airhandler.deploy.recovery import unended
from airhandler.deploy.session import Session
from airhandler.deploy.signs import ControllerSign
from airhandler.deploy.site_file import load_site
from airhandler.deploy.state import StateFolder
from airhandler.safety.verdict import Verdict
from tests.fakes import BUILDING, STEP, FakeClock, FakeController, FakeSite, healthy

SETPOINTS = [p.name for p in BUILDING.setpoints]
TEMPERATURES, FLOWS = SETPOINTS[0::2], SETPOINTS[1::2]
OWN = Setpoints({name: 18.0 if name in TEMPERATURES else 4.5 for name in SETPOINTS})
WANTED = Setpoints({name: 22.5 if name in TEMPERATURES else 4.0 for name in SETPOINTS})


class Bus:
    """A bus that takes everything, until it is told to say something else."""

    def __init__(self) -> None:
        self.written: list[Setpoints] = []
        self.relinquished = 0
        self.says: WriteOutcome | None = None
        self.relinquishes: WriteOutcome = Written()

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        self.written.append(setpoints)
        return self.says or Written(in_force=Setpoints({**OWN, **setpoints}))

    def relinquish(self) -> WriteOutcome:
        self.relinquished += 1
        return self.relinquishes

    def beat(self) -> WriteOutcome:
        return Written()

    def held(self) -> str | None:
        return self.says.reason if isinstance(self.says, Overridden) else None

    def ours(self) -> Mapping[str, float]:
        return {}


class Scene:
    """One controller after the other on one site."""

    def __init__(self, folder: Path, **site: Any) -> None:
        declared = {
            "site": "hall",
            "building": "datacentre-dx",
            "time_zone": "+00:00",
            "stage": "live",
            "bacnet": {"device": "127.0.0.1:1", "device_id": 1},
            "points": {p.name: {"object": f"analog-output,{n}"} for n, p in enumerate(BUILDING.points)},
            "write": SETPOINTS,
            "authority": {"ramp_days": 0},
        }
        path = folder / "site.yaml"
        path.write_text(yaml.safe_dump({**declared, **site}))
        self.site, self.bus, self.unwatched = load_site(path), Bus(), None
        self.folder, self.ticks = StateFolder(self.site.state), list[Tick]()
        self.watching: Callable[[], str | None] = lambda: self.unwatched

    unwatched: str | None
    session: Session

    def after(self) -> None:
        """Is called after each step."""

    def looks(self) -> None:
        """Is called twice between two steps where orders come there; the second time after they were obeyed."""

    def run(
        self,
        *orders: tuple[OrderKind, float | None] | None,
        who: str = "a",
        begin: int = 0,
        incumbent: Setpoints | None = OWN,
        between: Mapping[int, tuple[OrderKind, float | None]] | None = None,
        **changes: float | None,
    ) -> None:
        """A new controller for as many steps as there are orders; None is no order.

        Args:
            orders: each is there when a step begins.
            who: the controller.
            begin: number of the first step.
            incumbent: what the building's own control asks for.
            between: orders that come between two steps, by the number of the first one of this run.
            changes: points that are read otherwise.
        """
        heard = 1 if between is None else 3
        given, clock = iter(orders), FakeClock(heard * len(orders) - 1, time=healthy(begin).time)
        token = f"controller {who}"
        waiting, before = dict(between or {}), len(self.ticks)

        def attend() -> Grant:
            self.looks()
            if (order := waiting.pop(len(self.ticks) - before - 1, None)) is not None:
                self.folder.orders.give(order[0], to=token, seconds=order[1])
            return session.attend()

        def granted() -> Any:
            if (order := next(given)) is not None:
                self.folder.orders.give(order[0], to=token, seconds=order[1])
            return session.granted()

        session = Session(
            self.site,
            self.folder,
            token=token,
            controller=FakeController(lambda reading: WANTED),
            who=who,
            writer=self.bus,
            unwatched=lambda: self.watching(),
            unended=unended(self.folder.lease),
            now=clock.now,
            step_s=BUILDING.step_s,
        )
        self.session = session
        operator = Operator(None, BUILDING)
        operator.left = lambda: session.left
        loop = Loop(
            site=FakeSite([replace(healthy(begin + n, **changes), incumbent=incumbent) for n in range(len(orders))]),
            clock=clock,
            step_s=BUILDING.step_s,
            controller=session.controller,
            shield=operator.shield(),
            refresh=operator.shield,
            writer=session.writer,
            on_tick=lambda tick: self._told(session, loop, tick),
            handover=session.handover,
            granted=granted,
            left=lambda: session.left,
            attend=None if between is None else attend,
            attend_s=BUILDING.step_s / 3,
        )
        self.session = session
        try:
            loop.run()
        finally:
            session.keep_handover()

    def _told(self, session: Session, loop: Loop, tick: Tick) -> None:
        session.record(tick, loop.stage, in_charge=loop.in_charge)
        self.ticks.append(tick)
        self.after()

    @property
    def sign(self) -> ControllerSign:
        """What people are shown."""
        sign = self.folder.signs.controller()
        assert sign is not None
        return sign

    @property
    def answers(self) -> list[tuple[bool, str]]:
        """To the orders of the last run."""
        return [(a.done, a.words) for a in self.sign.answers]

    @property
    def wrote(self) -> list[bool]:
        """In which steps something was written."""
        return [t.outcome is not None for t in self.ticks]

    @property
    def verdict(self) -> Verdict:
        """The last one."""
        verdict = self.ticks[-1].verdict
        assert verdict is not None
        return verdict


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_in_charge_everything_is_written_and_given_back_at_the_end(scene: Scene) -> None:
    scene.run(None, None, None)
    assert scene.wrote == [True] * 3
    assert scene.bus.relinquished == 1
    record = scene.folder.lease.record()
    assert record is not None
    assert not record.in_charge


def test_authority_that_was_asked_back_stays_back_over_a_restart(scene: Scene) -> None:
    scene.run(None, ("give-back", None), None)
    scene.run(None, None, begin=3)
    assert scene.wrote == [True, False, False, False, False]
    scene.run(("reset", None), None, begin=5)
    assert scene.wrote[-2:] == [True, True]


def test_an_override_stays_respected_over_a_restart(scene: Scene) -> None:
    scene.bus.says = Overridden(reason="held by slot 8")
    scene.run(None, None)
    scene.bus.says = None
    scene.run(None, begin=2)
    assert scene.wrote == [True, False, False]
    events = [row.payload for row in rows(scene.folder.journal.folder, "event")]
    assert events == [{"event": "handover", "why": "authority must go back: held by slot 8"}]


def test_a_lease_under_which_nothing_was_written_is_let_go(scene: Scene) -> None:
    scene.run(*[None] * 5, east_inlet_temp_c=None)
    assert scene.wrote == [False] * 5
    assert scene.ticks[-1].stage == "fallback"
    record = scene.folder.lease.record()
    assert record is not None
    assert not record.in_charge
    scene.run(("reset", None), None, begin=5)
    assert scene.wrote[-2:] == [True, True]


def test_without_one_who_watches_nothing_is_written_until_a_reset(scene: Scene) -> None:
    scene.unwatched = "no watchdog"
    scene.run(None, None)
    scene.unwatched = None
    scene.run(None, ("reset", None), None, begin=2)
    assert scene.wrote == [False, False, False, True, True]


def test_accepted_advice_is_written_for_its_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, stage="advisory")
    scene.run(None, ("accept", 2 * STEP.total_seconds()), None, None, ("accept", None), None)
    assert scene.wrote == [False, True, True, False, True, False]
    assert scene.bus.relinquished == 2


def test_what_is_not_written_is_not_counted_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path, write=TEMPERATURES)
    scene.run(*[None] * 4)
    assert [set(s) for s in scene.bus.written] == [set(TEMPERATURES)] * 4
    assert all(scene.verdict.setpoints[name] == OWN[name] for name in FLOWS)
    assert all(scene.verdict.setpoints[name] == WANTED[name] for name in TEMPERATURES)


def test_a_point_that_has_no_share_yet_stays_with_the_building(tmp_path: Path) -> None:
    scene = Scene(tmp_path, authority={"ramp_days": 1.0, "points_in_order": True})
    scene.run(*[None] * 3)
    assert [set(s) for s in scene.bus.written] == [{SETPOINTS[0]}] * 3
    assert [scene.verdict.setpoints[name] for name in SETPOINTS[1:]] == [OWN[name] for name in SETPOINTS[1:]]
    assert OWN[SETPOINTS[0]] < scene.verdict.setpoints[SETPOINTS[0]] < WANTED[SETPOINTS[0]]


def test_authority_grows_over_restarts_and_begins_anew_for_another(tmp_path: Path) -> None:
    scene = Scene(tmp_path, authority={"ramp_days": 1.0, "points_in_order": False})
    shown = []
    for who, begin in (("a", 0), ("a", 4), ("b", 8)):
        scene.run(*[None] * 4, who=who, begin=begin)
        shown.append([s[SETPOINTS[0]] for s in scene.bus.written[-4:]])
    assert shown[0] == sorted(shown[0])
    assert shown[1][0] > shown[0][-1]
    assert shown[2] == shown[0]


def test_who_is_not_heard_by_name_is_not_obeyed(scene: Scene) -> None:
    scene.folder.orders.give("give-back", to="an earlier controller")
    scene.run(None, None)
    assert scene.wrote == [True, True]


def test_orders_that_can_have_no_effect_are_refused_and_say_why(scene: Scene) -> None:
    scene.run(("accept", 60.0), ("reject", None), ("reset", None))
    assert scene.answers == [
        (False, "the stage is live: nothing waits to be accepted"),
        (False, "the stage is live: nothing was accepted; `give-back` takes authority back"),
        (False, "there is nothing to reset: authority was not taken back"),
    ]
    assert scene.wrote == [True] * 3
    answered = [row.payload for row in rows(scene.folder.journal.folder, "event")]
    assert [(a["event"], a["done"]) for a in answered] == [("order answered", False)] * 3


def test_advice_that_is_accepted_says_until_when_and_that_it_was_rejected(tmp_path: Path) -> None:
    scene = Scene(tmp_path, stage="advisory")
    scene.run(("accept", 2 * STEP.total_seconds()), ("reject", None), ("reject", None))
    until = (healthy(0).time + 2 * STEP).isoformat(timespec="seconds")
    assert scene.answers == [
        (True, f"what is advised is written until {until} of the site's time"),
        (True, "authority goes back now: nothing is written any more"),
        (True, "nothing was accepted: nothing is written"),
    ]


def test_a_reset_that_would_be_undone_at_once_is_refused(scene: Scene) -> None:
    scene.bus.says = Overridden(reason="supply is held by slot 8")
    scene.run(None, ("reset", None), None)
    assert scene.answers == [(False, "supply is held by slot 8: it must be let go first")]
    scene.bus.says, scene.unwatched = None, "no watchdog"
    scene.run(("reset", None), begin=3)
    assert scene.answers == [(False, "nobody watches: no watchdog")]
    scene.unwatched = None
    scene.run(("accept", None), ("reset", None), None, begin=4)
    assert [done for done, _ in scene.answers] == [False, True]
    assert scene.wrote[-2:] == [True, True]


def test_a_reset_while_what_we_wrote_is_not_given_back_is_refused(scene: Scene) -> None:
    scene.bus.relinquishes = WriteFailed(reason="it does not answer")
    scene.run(None, ("give-back", None), ("reset", None))
    assert scene.answers[-1] == (False, "the building has not confirmed yet that what we wrote is given back")
    assert scene.ticks[-1].stage == "fallback"


def test_asked_back_over_an_hour_with_nothing_in_force_or_no_way_it_is_back_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, authority={"ramp_days": 0})
    scene.run(("give-back", 3600.0), None)
    assert scene.answers == [(True, "nothing of ours is in force, and nothing will be until a reset")]
    assert scene.wrote == [False, False]
    scene.run(("reset", None), ("give-back", 3600.0), None, begin=2, incumbent=None)
    assert scene.wrote[-3:] == [True, False, False]
    assert scene.answers[-1][1].startswith("authority goes back at once: the site does not tell")


def test_a_controller_that_was_killed_in_charge_leaves_a_latch(scene: Scene) -> None:
    with scene.folder.lock() as lock:
        scene.folder.lease.take(3.0, token=lock.holder.token, site_file=scene.site.path)
    pid = scene.folder.lease.record()
    assert pid is not None
    scene.folder.lease.revoke("the controller has ended without giving back", given_back=True)
    scene.run(None, None)
    assert scene.wrote == [False, False]
    assert [row.payload["event"] for row in rows(scene.folder.journal.folder, "event")] == ["handover"]
    assert scene.sign.why == (
        f"authority must stay back: the controller before this one (process {pid.pid}) ended while in charge: "
        "the controller has ended without giving back"
    )
    scene.run(None, begin=2)
    assert scene.wrote[-1:] == [False]
    scene.run(("reset", None), None, begin=3)
    scene.run(None, begin=5)
    assert scene.wrote[-3:] == [True] * 3


def test_what_people_are_shown_of_a_step(tmp_path: Path) -> None:
    scene = Scene(tmp_path, write=TEMPERATURES, authority={"ramp_days": 1.0, "points_in_order": False})
    shown = list[ControllerSign]()
    scene.after = lambda: shown.append(scene.sign)
    scene.run(None, ("give-back", None), **dict(WANTED))
    first = {p.name: p for p in shown[0].setpoints}
    supply, flow = first[TEMPERATURES[0]], first[FLOWS[0]]
    assert supply.share == pytest.approx(1 / 96)
    assert (supply.own, supply.in_force) == (18.0, supply.judged)
    assert (flow.own, flow.judged, flow.share) == (4.5, None, 0.0)
    assert (shown[0].stage, shown[0].in_charge, shown[0].ramp_s, shown[0].exercised_s) == ("live", True, 86400.0, 900.0)
    assert shown[0].inlet is not None
    assert shown[0].inlet.value_c == max(healthy(0).values[f"{z}_inlet_temp_c"] or 0.0 for z in ("east", "west"))
    assert (shown[0].inlet.recommended_c, shown[0].inlet.allowable_c) == (27.0, 32.0)
    assert (shown[1].stage, shown[1].in_charge) == ("fallback", False)
    assert {p.in_force for p in shown[1].setpoints} == {None}, "not read since it was given back"
    assert {p.share for p in shown[1].setpoints} == {0.0}, "nothing is granted while authority is back"


def test_what_the_shield_says_of_points_that_are_not_ours_is_not_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path, write=TEMPERATURES)
    scene.run(None, incumbent=Setpoints({**OWN, **dict.fromkeys(FLOWS, 7.4)}))
    assert any(reason.point in FLOWS for reason in scene.verdict.reasons)
    assert not any("airflow" in note for note in scene.sign.notes)


def test_who_does_not_get_his_steps_done_in_time_is_told_so(scene: Scene) -> None:
    times_s = iter([0.0, 900.0, 3000.0, 3900.0])

    def later() -> None:
        time_s = next(times_s)
        scene.folder.signs.now_s = lambda: time_s
        scene.unwatched = "no watchdog" if time_s == 3000.0 else None

    later()
    scene.after = later
    scene.run(None, None, None)
    assert scene.wrote == [True, True, False]
    assert scene.sign.why.endswith("site or machine are slow: 2100 s between two steps that are 900 s apart")

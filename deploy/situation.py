"""What is going on at a site, from its state folder alone: who runs, who is in charge, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from airhandler.buildings.errors import UserError

from .latch import Latched, latched_since_s
from .lease import LeaseRecord, Revocation
from .signs import ControllerSign, WatchdogSign
from .small_files import read_record
from .state import Holder, StateFolder

_DAY_S = 86400.0
_SLOW_TICKS = 2.0  # steps after which a controller's last word is old


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What is going on.

    Attributes:
        site: path of the site file, for words.
        controller: who holds the site; None: no controller runs.
        said: what the controller said last.
        said_s: how long ago [s].
        watched: whether a watchdog is there and ready.
        watcher: who watches, ready or not; None: nobody.
        watching: whether its last word is fresh.
        latched: why authority stays back, over restarts; None where it does not.
        latched_at: since when; None where nobody knows.
        watchdog: what it said last.
        lease: the controller's lease.
        stands: whether something that was written under it may still be in force.
        revoked: what the watchdog has taken back.
    """

    site: str
    controller: Holder | None
    said: ControllerSign | None
    said_s: float | None
    watched: bool
    watcher: Holder | None
    watching: bool
    latched: Latched | None
    latched_at: datetime | None
    watchdog: WatchdogSign | None
    lease: LeaseRecord | None
    stands: bool
    revoked: Revocation | None

    @property
    def runs(self) -> bool:
        """Whether a controller runs."""
        return self.controller is not None

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        said = self.said
        return {
            "runs": self.runs,
            "pid": self.controller.pid if self.controller else None,
            "since": self.controller.since.isoformat() if self.controller else None,
            "said_s": self.said_s,
            "controller": said.model_dump(mode="json", exclude={"at_s", "boot"}) if said else None,
            "watched": self.watched,
            "in_charge": self.stands,
            "revoked": self.revoked.model_dump(mode="json") if self.revoked else None,
            "next": self.next,
        }

    def lines(self) -> list[str]:
        """For people, the most pressing first."""
        return [*self._danger(), self._who_runs(), *self._what_it_does(), *self._who_watches(), *self._what_next()]

    @property
    def _is_its_word(self) -> bool:
        """Whether the last word is of the controller that runs."""
        return self.said is not None and self.controller is not None and self.said.token == self.controller.token

    @property
    def _left_alone(self) -> bool:
        """Whether something of ours may be in force, and no controller looks after it."""
        return not self.runs and self.stands

    def _danger(self) -> list[str]:
        """What comes before all else."""
        if not self._left_alone:
            return []
        if self.watcher is not None:
            return ["WHAT WE WROTE MAY STILL BE IN FORCE: the watchdog is giving it back"]
        return ["WHAT WE WROTE MAY STILL BE IN FORCE, and nobody gives it back"]

    def _who_runs(self) -> str:
        if self.controller is None:
            return "no controller runs on this site"
        return f"controller: process {self.controller.pid}, since {_second(self.controller.since)}"

    def _what_it_does(self) -> list[str]:
        said = self.said
        if said is None or (self.runs and not self._is_its_word):
            return ["it has not taken a step yet"] if self.runs else []
        lines = [f"stage: {said.stage} ({said.controller} on {said.site}), {self._authority(said)}"]
        lines += [f"why: {said.why}{self._since_when}"] if said.why else []
        lines += [f"last step: {said.tick}, {self._age(said)}, {_second(said.site_time)} of the site's time"]
        lines += _growth(said)
        return [
            *([] if self.runs else ["what the last one said:"]),
            *lines,
            *_inlet(said),
            *_table(said),
            *_notes(said),
        ]

    def _authority(self, said: ControllerSign) -> str:
        if said.in_charge and not self.runs and not self._left_alone:
            return "was in charge; since then given back, and confirmed"
        if said.in_charge and said.stage == "fallback":
            return "NOT given back yet: if it stays so, release our slots at the operator station"
        until = f" until {_second(said.until)}" if said.until is not None else ""
        if said.in_charge:
            return f"in charge, and going back step by step{until}" if said.leaving else f"in charge{until}"
        advice = f"; accepted{until}, written from the next step on" if until and said.stage == "advisory" else ""
        return f"not in charge: the building's own control is{advice}"

    @property
    def _since_when(self) -> str:
        return "" if self.latched_at is None else f" (since {_second(self.latched_at)})"

    def _age(self, said: ControllerSign) -> str:
        age_s = self.said_s if self.said_s is not None else math.inf
        if not math.isfinite(age_s):
            return "before this machine was started"
        late = " - it is late" if self.runs and age_s > _SLOW_TICKS * said.step_s else ""
        return f"{age_s:.0f} s ago{late}"

    def _who_watches(self) -> list[str]:
        none = "none" if self.watcher is None else f"process {self.watcher.pid}"
        ready = "watchdog: ready" if self.watched else f"watchdog: {none} is ready, nothing new is written"
        why = self.watchdog.why if self.watchdog is not None and self.watched else ""
        busy = [f"watchdog: giving back, {why}"] if why else [ready]
        if self.revoked is not None:
            how = "confirmed" if self.revoked.given_back else "NOT confirmed yet"
            busy.append(f"revoked: {self.revoked.why}; given back: {how}")
        return busy

    def _what_next(self) -> list[str]:
        return [f"next: {self.next}"] if self.next else []

    @property
    def next(self) -> str:
        """What a person may want to do now; empty where nothing is asked of anybody."""
        order = f"airhandler order {self.site}"
        if self._left_alone:
            by_hand = "or release our slots at the operator station"
            if self.watcher is None:
                return f"start `airhandler watchdog {self.site}`, {by_hand}"
            return f"wait for the watchdog (process {self.watcher.pid}), {by_hand}"
        if not self.runs:
            stays = self.latched is not None or (self.lease is not None and self.lease.in_charge)
            return f"see why it ended; one that is started writes nothing before `{order} reset`" if stays else ""
        if not self.watched:
            return self._next_for_watchdog + (
                f"; then `{order} reset`" if self._is_its_word and self.said and self.said.stage == "fallback" else ""
            )
        if self.said is None or not self._is_its_word:
            return ""
        if self.said.stage == "fallback":
            first = "wait until it is given back" if self.said.in_charge else "look at what `why` says, put it right"
            return f"{first}; then `{order} reset` lets it begin anew"
        if self.said.stage == "advisory" and self.said.until is None:
            return f"`{order} accept --for 1h` writes what is advised for an hour of the site's time"
        return f"`{order} give-back` takes authority back" if self.said.in_charge else ""

    @property
    def _next_for_watchdog(self) -> str:
        start = f"`airhandler watchdog {self.site}`"
        if self.watcher is None:
            return f"start the watchdog: {start}"
        pid = self.watcher.pid
        if self.watching:
            return f"the watchdog (process {pid}) does not reach the site: see its log, and the network"
        return f"the watchdog (process {pid}) hangs: end it, kill -9 {pid}, and start another one: {start}"


def _growth(said: ControllerSign) -> list[str]:
    """How far authority has grown."""
    if said.exercised_s >= said.ramp_s:
        return []
    return [f"authority: day {said.exercised_s / _DAY_S:.1f} of {said.ramp_s / _DAY_S:g} in charge; shares below"]


def _inlet(said: ControllerSign) -> list[str]:
    inlet = said.inlet
    if inlet is None:
        return []
    high = [(inlet.allowable_c, "ABOVE ALLOWABLE"), (inlet.recommended_c, "above recommended")]
    state = next((f", {words}" for limit, words in high if inlet.value_c > limit), "")
    return [
        f"warmest inlet: {inlet.value_c:.1f} degC ({inlet.name}){state}; "
        f"recommended to {inlet.recommended_c:g}, allowable to {inlet.allowable_c:g}"
    ]


_HEADS = ("set-point", "own control", "controller", "shield", "in force", "share")


def _table(said: ControllerSign) -> list[str]:
    """Where each set-point stands, and who wants it where."""
    rows = [
        (p.name, _shown(p.own), _shown(p.wanted), _shown(p.judged), f"{_shown(p.in_force)} {p.unit}", f"{p.share:.0%}")
        for p in said.setpoints
    ]
    if not rows:
        return []
    widths = [max(len(row[n]) for row in (_HEADS, *rows)) for n in range(len(_HEADS))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in (_HEADS, *rows)
    ]


def _notes(said: ControllerSign) -> list[str]:
    return [f"shield: {note}" for note in said.notes]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def situation(state: StateFolder, site: str = "SITE.yaml") -> Situation:
    """What is going on at a site whose file is called so. Raises UserError for a state folder that cannot be read."""
    signs = state.signs
    try:
        said, watchdog, lease = signs.controller(), signs.watchdog(), state.lease.record()
        latched = read_record(state.latch_file, Latched)
    except ValueError as error:
        raise UserError(f"{error}; a controller that runs writes it anew in its next step") from error
    since_s = latched_since_s(state.latch_file)
    return Situation(
        site=site,
        controller=state.holder(),
        said=said,
        said_s=None if said is None or not math.isfinite(signs.age_s(said)) else signs.age_s(said),
        watched=state.watched(),
        watcher=state.holder("watchdog"),
        watching=watchdog is not None and signs.is_fresh(watchdog),
        latched=latched,
        latched_at=None if since_s is None else datetime.fromtimestamp(since_s, UTC),
        watchdog=watchdog,
        lease=lease,
        stands=lease is not None and state.lease.stands(lease),
        revoked=state.lease.revocation(),
    )


def _second(when: datetime) -> str:
    return when.isoformat(timespec="seconds")

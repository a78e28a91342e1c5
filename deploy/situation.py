"""What is going on at a site, from its state folder alone: who runs, who is in charge, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from airhandler.buildings.errors import UserError

from .lease import LeaseRecord, Revocation
from .signs import ControllerSign, WatchdogSign
from .state import Holder, StateFolder

_SLOW_TICKS = 2.0  # steps after which a controller's last word is old


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What is going on.

    Attributes:
        controller: who holds the site; None: no controller runs.
        said: what the controller said last.
        said_s: how long ago [s].
        watched: whether a watchdog is there and ready.
        watchdog: what it said last.
        lease: the controller's lease.
        revoked: what the watchdog has taken back.
    """

    controller: Holder | None
    said: ControllerSign | None
    said_s: float | None
    watched: bool
    watchdog: WatchdogSign | None
    lease: LeaseRecord | None
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
            "in_charge": self.lease.in_charge if self.lease else False,
            "revoked": self.revoked.model_dump(mode="json") if self.revoked else None,
        }

    def lines(self) -> list[str]:
        """A few lines for people."""
        return [*self._danger(), self._who_runs(), *self._what_it_does(), *self._who_watches()]

    def _danger(self) -> list[str]:
        """What comes before all else: something of ours may be in force, and no controller looks after it."""
        given_back = self.revoked is not None and self.revoked.given_back
        if self.runs or self.lease is None or not self.lease.in_charge or given_back:
            return []
        if self.watched:
            return ["WHAT WE WROTE MAY STILL BE IN FORCE: the watchdog is giving it back"]
        return [
            "WHAT WE WROTE MAY STILL BE IN FORCE, and nobody gives it back: start `airhandler watchdog SITE.yaml`, "
            "or release our slots at the operator station"
        ]

    def _who_runs(self) -> str:
        if self.controller is None:
            return "no controller runs on this site"
        return f"controller: process {self.controller.pid}, {_since(self.controller.since)}"

    def _what_it_does(self) -> list[str]:
        said = self.said
        if said is None or (self.controller is not None and said.pid != self.controller.pid):
            return ["it has not taken a step yet"] if self.runs else []
        where = "in charge" if said.in_charge else "not in charge: the building's own control is"
        if said.in_charge and said.stage == "fallback":
            where = "NOT given back yet: if it stays so, release our slots at the operator station"
        age_s = self.said_s if self.said_s is not None else math.inf
        old = " - it is late" if self.runs and age_s > _SLOW_TICKS * said.step_s else ""
        ago = f"{age_s:.0f} s ago{old}" if math.isfinite(age_s) else "before this machine was started"
        lines = [
            f"stage: {said.stage} ({said.controller} on {said.site}), {where}",
            f"last tick: {said.tick}, {ago}, of {said.site_time.isoformat()}",
        ]
        lines += [f"why: {said.why}"] if said.why else []
        return [*([] if self.runs else ["what the last one said:"]), *lines, *said.notes]

    def _who_watches(self) -> list[str]:
        ready = "watchdog: ready" if self.watched else "watchdog: none is ready, nothing new is written"
        why = self.watchdog.why if self.watchdog is not None and self.watched else ""
        busy = [f"watchdog: giving back, {why}"] if why else [ready]
        if self.revoked is not None:
            how = "confirmed" if self.revoked.given_back else "NOT confirmed yet"
            busy.append(f"revoked: {self.revoked.why}; given back: {how}")
        return busy


def situation(state: StateFolder) -> Situation:
    """What is going on at a site. Raises UserError for a state folder whose files cannot be read."""
    signs = state.signs
    try:
        said, watchdog, lease = signs.controller(), signs.watchdog(), state.lease.record()
    except ValueError as error:
        raise UserError(f"{error}; a controller that runs writes it anew in its next step") from error
    return Situation(
        controller=state.holder(),
        said=said,
        said_s=None if said is None or not math.isfinite(signs.age_s(said)) else signs.age_s(said),
        watched=state.watched(),
        watchdog=watchdog,
        lease=lease,
        revoked=state.lease.revocation(),
    )


def _since(when: datetime) -> str:
    return f"since {when.isoformat(timespec='seconds')}"

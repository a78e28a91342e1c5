"""A watchdog, its site and its controller in one process, with a clock that is set."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airhandler.buildings.site import WriteOutcome, Written
from airhandler.deploy.journal_reading import rows
from airhandler.deploy.lease import REVOKE_FRAC
from airhandler.deploy.state import Lock, StateFolder
from airhandler.deploy.stop import Stop
from airhandler.deploy.watchdog import Watchdog
from tests.deploy.process import PATIENCE_S
from tests.deploy.watch import MARKS

VALIDITY_S, SETTLE_S = 30.0, 4.0
BLIND_S = REVOKE_FRAC * VALIDITY_S
SITE = Path("site.yaml")


class Strange(BaseException):
    """What a library may raise that knows no better."""


@dataclass
class FakeSlots:
    """Slots whose answers are given; a name that is gone from `trouble` works."""

    held: dict[str, float] = field(default_factory=dict)
    trouble: list[WriteOutcome | BaseException] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)
    opened: int = 0
    now_s: Callable[[], float] = lambda: 0.0

    def ours(self) -> Mapping[str, float]:
        if self.trouble and isinstance(self.trouble[0], BaseException):
            raise self.trouble.pop(0)  # type: ignore[misc]
        return self.held

    def relinquish(self, names: Collection[str] | None = None) -> WriteOutcome:
        self.asked_s.append(self.now_s())
        if self.trouble:
            outcome = self.trouble.pop(0)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome
        self.held = {} if names is None else {name: v for name, v in self.held.items() if name not in names}
        return Written()

    @contextlib.contextmanager
    def reached(self) -> Iterator[FakeSlots]:
        self.opened += 1
        yield self


class Script(Stop):
    """Time that passes only where somebody waits, and what happens in it; it ends with `until_s`."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s, self.until_s = 1000.0, 1000.0
        self.acts: list[tuple[float, Callable[[], object]]] = []

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        assert seconds > 0.0, "it would never rest"
        self.now_s += seconds
        while self.acts and self.acts[0][0] <= self.now_s:
            self.acts.pop(0)[1]()
        if self.now_s >= self.until_s:
            self.ask("the test is over")
        return self.why is not None


class Scene:
    """A site, a controller that took the lease, and a watchdog."""

    def __init__(self, folder: Path) -> None:
        self.script = Script()
        self.state = StateFolder(folder, now_s=self.script)
        self.slots = FakeSlots(now_s=self.script)
        self.begin_s = self.script.now_s
        self.controller: Lock | None = None

    def takes_over(self, renews_until_s: float = 0.0) -> None:
        """The controller begins: it writes, and renews its lease every second until so many seconds have passed."""
        self.controller = self.state.lock()
        self.state.lease.take(VALIDITY_S, token=self.controller.holder.token, site_file=SITE)
        self.slots.held = {"a": 20.0}
        seconds = range(1, int(renews_until_s) + 1)
        self.script.acts += [(self.begin_s + s, self.state.lease.renew) for s in seconds]

    def at(self, after_s: float, act: Callable[[], object]) -> None:
        self.script.acts.append((self.begin_s + after_s, act))
        self.script.acts.sort(key=lambda timed: timed[0])

    def dies(self) -> None:
        """Its lock goes with it."""
        assert self.controller is not None
        self.controller.release()

    def watch(self, for_s: float, *, once: bool = False) -> bool:
        """Runs the watchdog for a time. Returns what it says: whether nothing is left to give back."""
        self.script.until_s = self.script.now_s + for_s
        self.script.why, self.script.asked = None, False
        with self.state.lock("watchdog"):
            return self.watchdog(once=once).run(self.script)

    def watchdog(self, **choices: Any) -> Watchdog:
        """It waits for the disk as long as that takes, for time is set here."""
        chosen = {"patience_s": PATIENCE_S, "marks": MARKS} | choices
        return Watchdog(self.state, self.slots.reached, settle_s=SETTLE_S, blind_s=BLIND_S, **chosen)

    def asked_s(self) -> list[float]:
        """When it asked the building, seconds after the begin."""
        return [at_s - self.begin_s for at_s in self.slots.asked_s]

    def noted(self) -> list[str]:
        """What the watchdog's journal says."""
        return [row.payload["event"] for row in rows(self.state.path / "watchdog-journal")]

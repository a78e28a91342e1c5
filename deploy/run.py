"""What shadow and live have in common: metrics, ticks, log, progress, and an end that is told."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from airhandler import __version__
from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError, in_words
from airhandler.buildings.scenario import NORMAL, Scenario
from airhandler.buildings.world import World
from airhandler.control import run_files
from airhandler.control.kpis import Kpis, kpis
from airhandler.control.loop import Loop
from airhandler.control.table import KINDS, TickTable, check_writable, replacing
from airhandler.control.tick import Stage, Tick

from . import checkpoint
from .connectors.connection import View
from .connectors.recorded_mends import mend_table
from .metrics import Metrics
from .progress import progress
from .settings import RunSettings
from .stop import Stop, on_signals
from .ticklog import TickLog

log = logging.getLogger("airhandler.run")

TICKS_FILE, SUMMARY_FILE = run_files.TICKS_FILE, run_files.SUMMARY_FILE


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutcome:
    """How a run ended, and what came of it.

    Attributes:
        stage: as what it ran: `observe`, `shadow` or `live`.
        controller: who proposed.
        why: why it ended: the name of a signal, or a sentence.
        ticks: how many control steps were taken.
        verdicts: how many of each kind.
        written_frac: share of the steps in which its set-points were in force; the rest was the building's own control.
        given_back: whether the site confirmed that authority went back; None if it never left.
        handover: why authority had to go back before the end, if it had.
        out: the folder with `ticks.npz` and `summary.json`.
        kpis: what the run cost and broke, of what sensors showed; None for a run of less than one step.
        scenario: what the site was put through.
        world: what surrounded it.
        seed: of what is random in it.
        randomised: what was drawn for it, by name.
        about: what was run, for whoever judges it later: site, hashes, what was mended in a recording.
    """

    stage: Stage
    controller: str
    why: str
    ticks: int
    verdicts: dict[str, int]
    written_frac: float
    given_back: bool | None
    handover: str | None
    out: Path
    kpis: Kpis | None
    scenario: Scenario = NORMAL
    world: World | None = None
    seed: int = 0
    randomised: Mapping[str, float] = field(default_factory=dict)
    about: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "version": __version__,
            "stage": self.stage,
            "controller": self.controller,
            "why": self.why,
            "ticks": self.ticks,
            "verdicts": self.verdicts,
            "written_frac": self.written_frac,
            "given_back": self.given_back,
            "handover": self.handover,
            "out": str(self.out),
            "seed": self.seed,
            "scenario": self.scenario.to_dict(),
            "world": None if self.world is None else self.world.words,
            "randomised": dict(self.randomised),
            **self.about,
            "kpis": self.kpis.to_dict() if self.kpis else None,
        }


class Run:
    """One run while it goes on. `begun` makes it."""

    def __init__(self, settings: RunSettings, building: Building, controller: str, stop: Stop) -> None:
        self.stop, self.controller = stop, controller
        self.metrics = Metrics(
            building,
            controller=controller,
            site=settings.kind,
            interval_s=building.step_s / settings.speed if settings.speed else None,
        )
        self._settings, self._table, self._log = settings, TickTable(building), TickLog()
        self._read: Callable[[], TickTable] | None = None
        self._error: str | None = None
        self._randomised: Mapping[str, float] = {}
        self._view: View | None = None
        self.about: Mapping[str, object] = {}

    @property
    def table(self) -> TickTable:
        """The ticks until now."""
        return self._table

    def resume(self) -> None:
        """Goes on with the ticks that the folder holds."""
        self._table = TickTable.load(self._settings.out / TICKS_FILE, self._table.building)

    def keep_elsewhere(self, read: Callable[[], TickTable]) -> None:
        """Ticks are not kept here, where those of a year would fill the memory; `read` gives them at the end."""
        self._read = read

    @property
    def why(self) -> str:
        """Why the run ended."""
        return self._error or self.stop.why or "the site's time is over"

    def go(self, view: View, make_loop: Callable[[Callable[[Tick], None]], Loop]) -> None:
        """Runs a loop until its time is over or a stop; not at all if the stop came first.

        Args:
            view: whose clock the stop stops.
            make_loop: makes the loop, with what is to be told every Tick.
        """
        log.info("%s", view.about)
        if told := mend_table(view.mends):
            log.warning("the recording was mended:\n%s", told)
        self._randomised, self._view = view.randomised, view
        self.stop.then(view.clock.stop)
        with progress(self.controller, view.ticks, bar=self._settings.bar) as shown:

            def on_tick(tick: Tick) -> None:
                self._tell(tick, loop)
                shown.done(tick.number + 1)

            loop = make_loop(on_tick)
            try:
                if self.stop.why is None:
                    loop.run()
            except BaseException as error:
                self._error = in_words(error)
                raise
            finally:
                # What may still be in force is not called over.
                self.metrics.authority(loop.stage if loop.in_charge else "observe")

    def save(self, stage: Stage, *, given_back: bool | None = None, handover: str | None = None) -> RunOutcome:
        """Writes the ticks and the summary, each whole or not at all."""
        if self._read is not None:
            self._table = self._read()
        outcome = RunOutcome(
            stage=stage,
            controller=self.controller,
            why=self.why,
            ticks=len(self._table),
            verdicts={kind: int(np.sum(self._table.verdict == kind)) for kind in KINDS[1:]},
            written_frac=float(np.mean(self._table.written)) if len(self._table) else 0.0,
            given_back=given_back,
            handover=handover,
            out=self._settings.out,
            kpis=kpis(self._table) if len(self._table) > 1 else None,
            scenario=self._settings.scenario,
            world=self._table.building.world,
            seed=self._settings.seed,
            randomised=self._randomised,
            about=self.about,
        )
        self._table.save(self._settings.out / TICKS_FILE)
        with replacing(self._settings.out / SUMMARY_FILE) as temporary:
            temporary.write_text(json.dumps(outcome.to_dict(), indent=2, allow_nan=False) + "\n")
        log.info("%d ticks, saved in %s", outcome.ticks, self._settings.out)
        return outcome

    def _tell(self, tick: Tick, loop: Loop) -> None:
        """Tells all who listen. One that fails is logged: keeping the books never ends the run."""
        for listen in (self._add, self.metrics.observe, self._log.write, self._keep):
            try:
                listen(tick)
            except Exception:
                log.exception("tick %d was not taken note of", tick.number)
        if loop.stage != tick.stage:
            self.metrics.authority(loop.stage)

    def _add(self, tick: Tick) -> None:
        if self._read is None:
            self._table.add(tick)

    def _keep(self, tick: Tick) -> None:
        """Now and then the ticks of a run that can be resumed, whole or not at all."""
        if self._view is not None and self._view.sha256 and (tick.number + 1) % checkpoint.EVERY == 0:
            self._table.save(self._settings.out / TICKS_FILE)


@contextlib.contextmanager
def begun(settings: RunSettings, building: Building, controller: str, stop: Stop | None) -> Iterator[Run]:
    """A Run whose folder is its own, whose metrics are served and that a signal stops.

    After a run that nothing stopped, the metrics linger. Raises UserError before anything has started.
    """
    _check_folder(settings)
    try:
        yield from _begun(settings, building, controller, stop)
    finally:
        with contextlib.suppress(OSError):
            settings.out.rmdir()  # only if it is empty: a run that did not start leaves nothing


def _begun(settings: RunSettings, building: Building, controller: str, stop: Stop | None) -> Iterator[Run]:
    run = Run(settings, building, controller, stop or Stop())
    server = run.metrics.serve(settings.port, settings.address)
    with contextlib.closing(server), on_signals(run.stop):
        log.info("metrics: %s", server.url)
        yield run
        if settings.linger_s and run.stop.why is None:
            log.info("metrics are served for another %g s, or until a signal", settings.linger_s)
            run.stop.wait(settings.linger_s)


def _check_folder(settings: RunSettings) -> None:
    """Raises UserError where a folder holds another run, unless that is to go on."""
    folder = settings.out
    if not settings.resume:
        for name, what in ((SUMMARY_FILE, "an earlier run"), (checkpoint.FILE, "a run that was cut off")):
            if (folder / name).exists():
                hint = "; --resume goes on with it" if (folder / checkpoint.FILE).exists() else ""
                raise UserError(f"folder {folder} holds {what} ({name}): name another with --out{hint}")
    check_writable(folder)

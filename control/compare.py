"""Several controllers on the same weather, side by side in processes; a folder keeps what came of each."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from airhandler.buildings.catalog import Building, find_building, with_world
from airhandler.buildings.errors import AirhandlerError, UserError
from airhandler.buildings.fitting import check_scenario
from airhandler.buildings.model import Period
from airhandler.buildings.outside import enter, held_out
from airhandler.buildings.processes import begin_job
from airhandler.buildings.scenario import NORMAL, Scenario
from airhandler.buildings.weather import find_weather
from airhandler.buildings.world import World

from .evaluate import Evaluation, evaluate
from .kpis import kpis
from .registry import find_controller, warn_of
from .table import TickTable, replacing


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One run of a comparison.

    Attributes:
        controller: name, or path of a bundle.
        shielded: whether the shield judges its proposals.
        seed: which of the world's years, and which draw of what is random in the scenario.
        world: what surrounds the building, in place of what its file may say.
        scenario: what the building is put through.
    """

    controller: str
    building: str
    weather: str
    period: Period
    shielded: bool = True
    seed: int = 0
    world: World | None = None
    scenario: Scenario = NORMAL

    @property
    def placed(self) -> Building:
        """The building in its world, with its servers."""
        return with_world(find_building(self.building, self.scenario.servers), self.world)

    @property
    def is_bundle(self) -> bool:
        """Whether the controller is a bundle's folder."""
        return (Path(self.controller) / "card.json").exists()

    @property
    def label(self) -> str:
        """What readers call it: the controller's name, or `agent` for a bundle."""
        name = "agent" if self.is_bundle else self.controller
        return name if self.shielded or name == "stock" else f"{name}, no shield"


def labels_of(cells: Sequence[Cell]) -> list[str]:
    """What readers call each run; with its bundle's path where there are several bundles."""
    return _told_apart([(cell.label, cell.controller if cell.is_bundle else None) for cell in cells])


def _told_apart(named: Sequence[tuple[str, str | None]]) -> list[str]:
    """Labels of runs; each comes with its bundle's path, None for a rule."""
    several = len({bundle for _, bundle in named if bundle}) > 1
    return [f"{label} {bundle}" if several and bundle else label for label, bundle in named]


def compare(
    cells: Sequence[Cell], *, processes: int, progress: Callable[[Sequence[float]], None] | None = None
) -> list[Evaluation]:
    """Runs every cell, so many at once; the results are in the order of the cells.

    Args:
        progress: is told the share done of each cell, several times a second.

    Raises UserError for an unknown name, or a file that cannot be read, before anything runs.
    """
    for cell in cells:
        building = cell.placed
        warn_of(cell.controller, find_controller(cell.controller, building, hostile=True), building)
        enter(building, find_weather(cell.weather), held_out(cell.seed))
        check_scenario(cell.scenario, building, cell.period, variant=held_out(cell.seed), seed=cell.seed)
    if processes == 1 or len(cells) == 1:
        return [_here(cell, i, len(cells), progress) for i, cell in enumerate(cells)]
    context = multiprocessing.get_context("spawn")
    shares = context.Array("d", len(cells))
    with tempfile.TemporaryDirectory(prefix="airhandler-compare-") as folder:
        with ProcessPoolExecutor(
            min(processes, len(cells)), mp_context=context, initializer=_initialise, initargs=(shares,)
        ) as pool:
            futures = [pool.submit(_there, cell, i, Path(folder)) for i, cell in enumerate(cells)]
            try:
                while wait(futures, timeout=0.2).not_done:
                    if progress is not None:
                        progress([shares[i] for i in range(len(cells))])
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            try:
                told = [future.result() for future in futures]
            except BrokenProcessPool as error:
                raise AirhandlerError("a simulation's process was killed: out of memory?") from error
        return [
            _loaded(cell, name, Path(folder) / f"{i}.npz", randomised)
            for i, (cell, (name, randomised)) in enumerate(zip(cells, told, strict=True))
        ]


def _here(cell: Cell, number: int, count: int, progress: Callable[[Sequence[float]], None] | None) -> Evaluation:
    def told(share: float) -> None:
        if progress is not None:
            progress([1.0] * number + [share] + [0.0] * (count - number - 1))

    return _run(cell, told)


def _run(cell: Cell, told: Callable[[float], None]) -> Evaluation:
    building = cell.placed
    return evaluate(
        find_controller(cell.controller, building, hostile=True),
        building,
        find_weather(cell.weather),
        cell.period,
        shielded=cell.shielded,
        seed=cell.seed,
        scenario=cell.scenario,
        progress=told,
    )


_shares: Any = None


def _initialise(shares: Any) -> None:
    global _shares
    _shares = shares
    begin_job()


def _there(cell: Cell, number: int, folder: Path) -> tuple[str, Mapping[str, float]]:
    def told(share: float) -> None:
        _shares[number] = share

    done = _run(cell, told)
    done.table.save(folder / f"{number}.npz")
    if done.seen is not None:
        done.seen.save(folder / f"{number}.seen.npz")
    told(1.0)
    return done.controller, dict(done.randomised)


def _loaded(cell: Cell, name: str, path: Path, randomised: Mapping[str, float]) -> Evaluation:
    table = TickTable.load(path)
    return Evaluation(
        controller=name,
        weather=cell.weather,
        table=table,
        kpis=kpis(table),
        seen=_seen(path),
        randomised=randomised,
    )


def _seen(path: Path) -> TickTable | None:
    """What sensors showed in a run, where that differs from the truth that a file holds."""
    beside = path.with_suffix(".seen.npz")
    return TickTable.load(beside) if beside.exists() else None


def row(cell: Cell, done: Evaluation) -> dict[str, object]:
    """A run as one flat record: what was run, and its KPIs."""
    world = done.table.building.world
    return {
        "controller": cell.controller,
        "label": cell.label,
        "building": cell.building,
        "weather": cell.weather,
        "start": f"{cell.period.first:%m-%d}",
        "days": cell.period.days,
        "seed": cell.seed,
        **{k: v for k, v in cell.scenario.to_dict().items() if k != "randomise"},
        "servers": cell.placed.file.servers,
        "world": None if world is None else world.words,
        "randomised": dict(done.randomised),
        "through": cell.scenario.words_in(world),
        "shielded": cell.shielded and done.controller != "stock",
        **done.kpis.to_dict(),
    }


def save_evaluation(folder: Path, cell: Cell, done: Evaluation) -> None:
    """Keeps a run in a folder, for `airhandler report`. Raises UserError if it cannot be written."""
    world = cell.world.model_dump(mode="json") if cell.world is not None else None
    about = {
        **asdict(replace(cell, world=None, scenario=NORMAL)),
        "building": find_building(cell.building).reference,
        "world": world,
        "scenario": cell.scenario.to_dict(),
        "randomised": dict(done.randomised),
        "label": cell.label,
        "name": done.controller,
        "bundle": _bundle(cell),
    }
    mark = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]
    name = re.sub(r"[^a-z0-9]+", "-", f"{cell.label} {Path(cell.weather).stem} {mark}".lower())
    done.table.save(folder / f"{name}.npz")
    if done.seen is not None:
        done.seen.save(folder / f"{name}.seen.npz")
    about["kpis"] = done.kpis.to_dict()
    with replacing(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(about, indent=2) + "\n")


def _bundle(cell: Cell) -> str | None:
    """Where a bundle's weights come from, as they are now."""
    card = Path(cell.controller) / "card.json"
    if not card.exists():
        return None
    known = json.loads(card.read_text())
    made = known["provenance"]
    return (
        f"weights SHA-256 {known['weights_sha256'][:16]}, trained on {', '.join(made['weathers'])} "
        f"for {made['steps']} steps (seed {made['seed']}): {made['command']}"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """A run that a folder keeps.

    Attributes:
        label: what readers call it; with its bundle's path where several bundles are in the folder.
        bundle: where the weights came from when it was run; None for a rule.
    """

    cell: Cell
    label: str
    bundle: str | None
    done: Evaluation


def load_evaluations(folder: Path) -> list[Kept]:
    """The runs that a folder keeps. Raises UserError if there are none."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            about = json.loads(path.read_text())
            period = Period(start=tuple(about["period"]["start"]), days=about["period"]["days"])
            cell = Cell(
                **{k: about[k] for k in ("controller", "building", "weather", "shielded", "seed")},
                scenario=Scenario.from_dict(about["scenario"]),
                period=period,
                world=World.model_validate_json(json.dumps(world)) if (world := about.get("world")) else None,
            )
            label, name, bundle, randomised = (about[k] for k in ("label", "name", "bundle", "randomised"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: not a run kept by `airhandler evaluate --out`: {error}") from error
        done = _loaded(cell, name, path.with_suffix(".npz"), randomised)
        found.append(Kept(cell=cell, label=label, bundle=bundle, done=done))
    if not found:
        raise UserError(f"{folder}: holds no runs; `airhandler evaluate CONTROLLER... --out {folder}` keeps them")
    labels = _told_apart([(k.label, k.cell.controller if k.bundle else None) for k in found])
    found = [replace(kept, label=label) for kept, label in zip(found, labels, strict=True)]
    order = {"stock": 0, "constant": 1, "trim-respond": 2, "outdoor-reset": 3}
    return sorted(found, key=lambda k: (k.cell.weather, order.get(k.label, 9), k.label))

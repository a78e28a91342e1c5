"""TickTable: the Ticks of a run as columns, small in memory and on disk."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import tokenize
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from airhandler.buildings.catalog import Building, find_building, with_world
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.points import Role
from airhandler.buildings.site import Written
from airhandler.buildings.world import World
from airhandler.safety.intake import as_number
from airhandler.safety.verdict import INTERVENED, REMARKS

from .tick import Stage, Tick

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
Kind = Literal["none", "allowed", "adjusted", "rejected"]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_STAGE_CODES = {stage: float(code) for code, stage in enumerate(STAGES)}
_KIND_CODES = {kind: float(code) for code, kind in enumerate(KINDS)}
_HEAD = ("time_s", "stage", "verdict", "written", "decide_s")
_FORMAT = 3
# What a damaged file may raise; zipfile says by RuntimeError what it cannot do.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)
_EMPTY: Mapping[str, float | None] = {}


class Columns(Mapping[str, Array]):
    """Columns by name, each made when it is asked for: a copy [ticks]."""

    def __init__(self, names: Sequence[str], column: Callable[[str], Array]) -> None:
        self._names, self._column = tuple(names), column

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        return self._column(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class TickTable:
    """Takes Ticks one by one and gives columns.

    Tick n holds the reading at time n, before the decision of tick n. Meters in reading n are of step n - 1:
    the first tick's are of no step of this run, and the last tick's decision has no effect. A run of N steps
    has N + 1 ticks. An absent value is NaN. Local time has one fixed offset from UTC, the first tick's.
    """

    def __init__(self, building: Building) -> None:
        self.building = building
        self._measured = tuple(p.name for p in building.points if p.role is not Role.SETPOINT)
        self._setpoints = tuple(p.name for p in building.setpoints)
        self._columns = _column_names(self._measured, self._setpoints)
        self._index = {name: i for i, name in enumerate(self._columns)}
        self._rows = array("d")
        self._rules: dict[str, int] = {}
        self._acted_tick, self._acted_rule = array("q"), array("q")
        self._offset_s = 0.0

    def add(self, tick: Tick) -> None:
        """Appends one Tick. A value that is no number, as a hostile proposal may hold, counts as absent."""
        number, time, verdict = len(self), tick.reading.time, tick.verdict
        if number == 0:
            self._offset_s = (time.utcoffset() or timedelta()).total_seconds()
        row: list[Any] = [time.timestamp(), _STAGE_CODES[tick.stage], _KIND_CODES[verdict.kind if verdict else "none"]]
        row += [float(isinstance(tick.outcome, Written)), tick.decide_s]
        proposed = tick.proposal.setpoints.by_name if tick.proposal else _EMPTY
        applied = verdict.setpoints.by_name if verdict else _EMPTY
        row += _values(tick.reading.values, self._measured)
        row += _values(proposed, self._setpoints)
        row += _values(applied, self._setpoints)
        row += _values(incumbent.by_name if (incumbent := tick.reading.incumbent) else _EMPTY, self._setpoints)
        self._rows.extend(array("d", [value if type(value) is float else _number(value) for value in row]))
        for reason in verdict.reasons if verdict else ():
            self._acted_tick.append(number)
            self._acted_rule.append(self._rules.setdefault(reason.rule, len(self._rules)))

    def __len__(self) -> int:
        return len(self._rows) // len(self._columns)

    @property
    def time_s(self) -> Array:
        """Seconds since 1970-01-01 UTC [ticks]."""
        return self._column("time_s")

    @property
    def timezone(self) -> timezone:
        """The fixed offset that local times have."""
        return timezone(timedelta(seconds=self._offset_s))

    @property
    def time(self) -> NDArray[np.object_]:
        """Timezone-aware datetimes [ticks]."""
        zone = self.timezone
        return np.array([datetime.fromtimestamp(t, zone) for t in self.time_s.tolist()], dtype=object)

    @property
    def local_time(self) -> NDArray[np.datetime64]:
        """Wall-clock time of the building, without its offset, for grouping by hour and month [ticks]."""
        milliseconds: NDArray[np.int64] = np.rint((self.time_s + self._offset_s) * 1e3).astype(np.int64)
        return milliseconds.astype("datetime64[ms]")

    @property
    def measured(self) -> Columns:
        """Every sensor, meter and signal [unit of the point]."""
        return Columns(self._measured, self._column)

    @property
    def proposed(self) -> Columns:
        """What the controller asked for, by set-point [unit of the point]."""
        return Columns(self._setpoints, lambda name: self._column(f"proposed_{name}"))

    @property
    def applied(self) -> Columns:
        """The verdict's set-points [unit of the point]."""
        return Columns(self._setpoints, lambda name: self._column(f"applied_{name}"))

    @property
    def incumbent(self) -> Columns:
        """What the building's own control asked for, by set-point; NaN where it is not told [unit of the point]."""
        return Columns(self._setpoints, lambda name: self._column(f"incumbent_{name}"))

    @property
    def verdict(self) -> NDArray[np.str_]:
        """`none`, `allowed`, `adjusted` or `rejected` [ticks]."""
        kinds: NDArray[np.str_] = np.array(KINDS)[self._column("verdict").astype(int)]
        return kinds

    @property
    def stage(self) -> NDArray[np.str_]:
        """How much authority the agent had [ticks]."""
        stages: NDArray[np.str_] = np.array(STAGES)[self._column("stage").astype(int)]
        return stages

    @property
    def written(self) -> Mask:
        """Where the site confirmed that the verdict's set-points are in force [ticks]."""
        written: Mask = self._column("written") == 1.0
        return written

    @property
    def judged(self) -> Mask:
        """Where the shield judged for the building, or would have in shadow: not once authority went back [ticks]."""
        judged: Mask = (self.verdict != "none") & (self.stage != "fallback")
        return judged

    @property
    def intervened(self) -> Mask:
        """Where it changed or refused a proposal [ticks]."""
        return self.judged & np.isin(self.verdict, INTERVENED)

    @property
    def interventions(self) -> dict[str, Mask]:
        """For every rule that did, where it changed or refused a proposal; a remark is none [ticks]."""
        intervened = self.intervened
        masks = {rule: acted & intervened for rule, acted in self.rules.items() if rule not in REMARKS}
        return {rule: mask for rule, mask in masks.items() if mask.any()}

    @property
    def decide_s(self) -> Array:
        """Time of proposal and shield [s]."""
        return self._column("decide_s")

    @property
    def rules(self) -> dict[str, Mask]:
        """For every rule that gave a reason, where it did [ticks]."""
        ticks, rules = np.array(self._acted_tick, dtype=int), np.array(self._acted_rule, dtype=int)
        masks = {name: np.zeros(len(self), dtype=np.bool_) for name in self._rules}
        for name, number in self._rules.items():
            masks[name][ticks[rules == number]] = True
        return masks

    @property
    def correction(self) -> Array:
        """|applied - proposed| as a share of high - low, mean over the set-points; NaN where either lacks."""
        with np.errstate(invalid="ignore"):
            shares = [
                np.abs(self.applied[p.name] - self.proposed[p.name]) / (p.high - p.low) for p in self.building.setpoints
            ]
            mean: Array = np.mean(shares, axis=0)
        return np.where(np.isfinite(mean), mean, np.nan)

    def frame(self) -> pd.DataFrame:
        """Everything as a DataFrame, indexed by timezone-aware time."""
        import pandas as pd

        index = pd.to_datetime(self.time_s, unit="s", utc=True).tz_convert(self.timezone).rename("time")
        columns: dict[str, Any] = {
            "stage": self.stage,
            "verdict": self.verdict,
            "written": self.written,
            "decide_s": self.decide_s,
            **self.measured,
            **{f"proposed_{name}": column for name, column in self.proposed.items()},
            **{f"applied_{name}": column for name, column in self.applied.items()},
            **{f"incumbent_{name}": column for name, column in self.incumbent.items()},
            "correction": self.correction,
            **{f"rule_{name}": column for name, column in self.rules.items()},
        }
        return pd.DataFrame(columns, index=index)

    def save(self, path: Path) -> None:
        """Writes the table as a compressed .npz, whole or not at all. Raises UserError where it cannot."""
        about = {
            "format": _FORMAT,
            "building": self.building.reference,
            "columns": self._columns,
            "rules": list(self._rules),
            "offset_s": self._offset_s,
            "world": world.model_dump_json() if (world := self.building.world) is not None else None,
        }
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                about=np.array(json.dumps(about)),
                values=np.ascontiguousarray(self._matrix().T),
                acted_tick=np.array(self._acted_tick, dtype=np.int64),
                acted_rule=np.array(self._acted_rule, dtype=np.int64),
            )

    @classmethod
    def load(cls, path: Path, building: Building | None = None) -> TickTable:
        """Reads a saved table.

        Args:
            path: a file that `save` wrote.
            building: what it was recorded on; by default the one of the catalogue that the file names, in its world.

        Raises UserError for a file that cannot be read, or whose points are not the building's.
        """
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                values, ticks, rules = file["values"], file["acted_tick"], file["acted_rule"]
            if about["format"] != _FORMAT:
                raise UserError(f"{path}: written by another version of airhandler: run it again")
            table = cls(building or _recorded_on(about))
            _check_columns(path, about["columns"], table._columns)
            table._rows = array("d", np.ascontiguousarray(values.T).tobytes())
            table._acted_tick, table._acted_rule = array("q", ticks.tobytes()), array("q", rules.tobytes())
            table._rules = {name: number for number, name in enumerate(about["rules"])}
            table._offset_s = float(about["offset_s"])
        except _DAMAGED as error:
            raise UserError(f"{path}: cannot be read as a table of ticks: {error}") from error
        return table

    def _matrix(self) -> Array:
        """A copy of all rows [ticks, columns]. A view would keep the rows from growing."""
        return np.array(self._rows).reshape(-1, len(self._columns))

    def _column(self, name: str) -> Array:
        if not self._rows:
            return np.empty(0)
        rows = np.frombuffer(self._rows).reshape(-1, len(self._columns))
        return rows[:, self._index[name]].copy()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`: takes its place when the block ends well, goes when it does not.

    Raises UserError that names the path where it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Makes a folder. Raises UserError if it cannot be written, before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"folder {folder} cannot be written ({error.strerror or error}): name another with --out"
        ) from error


def _column_names(measured: Sequence[str], setpoints: Sequence[str]) -> tuple[str, ...]:
    proposed = tuple(f"proposed_{name}" for name in setpoints)
    applied = tuple(f"applied_{name}" for name in setpoints)
    incumbent = tuple(f"incumbent_{name}" for name in setpoints)
    return (*_HEAD, *measured, *proposed, *applied, *incumbent)


def _values(values: Mapping[str, float | None], names: Sequence[str]) -> list[Any]:
    get = values.get
    return [math.nan if (value := get(name)) is None else value for name in names]


def _number(value: object) -> float:
    number = as_number(value)
    return math.nan if number is None else number


def _recorded_on(about: Mapping[str, Any]) -> Building:
    world = about.get("world")
    return with_world(find_building(about["building"]), World.model_validate_json(world) if world else None)


def _check_columns(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    if list(found) != list(wanted):
        differ = sorted(set(found) ^ set(wanted)) or ["their order"]
        raise UserError(f"{path}: recorded with other points than the building has now: {', '.join(differ)}")

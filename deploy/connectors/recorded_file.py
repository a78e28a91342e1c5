"""Recordings from files: CSV or Parquet, a column a point or a row a value, as historians give them.

How rows are mended is in recorded_rows.py, how times are placed in recorded_times.py.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.known import Array
from airhandler.buildings.points import Reading
from airhandler.deploy.settings import PARQUET_FILES

from .recorded_map import NAME, TIME, VALUE, RecordMap
from .recorded_mends import Mending
from .recorded_rows import Head, Long, Wide, measured_names
from .recorded_times import LocalTime, Times
from .recording import Recording

GAP = "gap: the values before it are old until it ends"
_GAP_STEPS = 1.5  # of the usual time between rows


def read_recording(path: Path, building: Building, named: RecordMap | None = None) -> Recording:
    """Reads a recording.

    Args:
        path: CSV, or Parquet by its ending.
        building: whose points were recorded.
        named: how its names become points; by default they are the points' own.

    Raises UserError that names the row and the column, lists missing columns, or says what is mostly nonsense.
    """
    named, mending = named or RecordMap(), Mending()
    try:
        rows = _parquet(path) if path.suffix.lower() in PARQUET_FILES else _csv(path)
        header = [str(cell).strip() for cell in next(rows, (1, ()))[1]]
        taken = _taken_rows(path, header, building, named, mending)
        for number, cells in rows:
            taken.add(number, cells)
        series, offsets = taken.series()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        kind = "Parquet" if path.suffix.lower() in PARQUET_FILES else "CSV"
        raise UserError(f"{path}: cannot be read as {kind}: {error}") from error
    times_s = np.unique(np.concatenate([one.times_s for one in series]))
    local = LocalTime(*offsets, named.zone)
    _note_gaps(times_s, local, mending)
    return Recording(
        series=tuple(series),
        local=local,
        mends=mending.mends(),
        site=named.site or path.stem,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def write_recording(path: Path, building: Building, readings: Iterable[Reading]) -> None:
    """Writes readings as the CSV that `read_recording` reads, with set-points where they are told, without ages."""
    measured, setpoints = measured_names(building), [p.name for p in building.setpoints]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        first = next(iterator := iter(readings), None)
        told = setpoints if first is not None and first.incumbent is not None else []
        rows.writerow([TIME, *measured, *told])
        for reading in [first] if first is not None else []:
            rows.writerow(_row_of(reading, measured, told))
        rows.writerows(_row_of(reading, measured, told) for reading in iterator)


def _row_of(reading: Reading, measured: Sequence[str], told: Sequence[str]) -> list[str]:
    asked: Mapping[str, float] = reading.incumbent or {}
    values = [*(reading.get(name) for name in measured), *(asked.get(name) for name in told)]
    return [reading.time.isoformat(), *("" if v is None or v != v else repr(v) for v in values)]


def _csv(path: Path) -> Iterator[tuple[int, Sequence[object]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, strict=True)
        for cells in rows:
            if cells:
                yield rows.line_num, cells


def _parquet(path: Path) -> Iterator[tuple[int, Sequence[object]]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError(f"{path}: Parquet needs pyarrow: pip install 'airhandler[data]', or write a CSV")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        yield 1, file.schema_arrow.names
        number = 1
        for batch in file.iter_batches():
            columns = [["" if cell is None else cell for cell in column.to_pylist()] for column in batch.columns]
            for cells in zip(*columns, strict=True):
                number += 1
                yield number, cells
    except pa.ArrowException as error:
        raise UserError(f"{path}: cannot be read as Parquet: {error}") from error


def _taken_rows(path: Path, header: list[str], building: Building, named: RecordMap, mending: Mending) -> Wide | Long:
    times = Times(named.zone, named.time_format, mending)
    head = Head(path=path, header=header, building=building, named=named, mending=mending, times=times)
    is_long = named.name is not None or sorted(header) == sorted([TIME, NAME, VALUE])
    return Long(head) if is_long else Wide(head)


def _note_gaps(times_s: Array, local: LocalTime, mending: Mending) -> None:
    """Where rows lack: more than the usual time between two of them."""
    if len(times_s) < 3:
        return
    apart_s = np.diff(times_s)
    for place in np.flatnonzero(apart_s > _GAP_STEPS * np.median(apart_s)).tolist():
        begin = local.at(float(times_s[place]))
        mending.note(GAP, f"{begin.isoformat()} for {timedelta(seconds=round(float(apart_s[place])))}")

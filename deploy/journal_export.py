"""A journal as a table for other tools: Parquet or CSV, a row for each of its rows; or the recording of a site."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading
from airhandler.control.table import replacing

from .connectors.recorded import write_recording
from .journal_reading import rows
from .journal_rows import Row, canonical
from .journal_ticks import tick_of, ticks

_BATCH = 2_000  # rows in memory at once
_TEXTS = ("site_time", "kind", "payload", "hash", "stage", "verdict", "rules", "outcome")
_HEAD = ("seq", "utc", *_TEXTS, "decide_s", "write_s")


def export_csv(folder: Path, path: Path) -> int:
    """Every row as a line: what each says as JSON; of a tick its values, too. Returns how many.

    Raises UserError for what cannot be read or written.
    """
    names = _names(folder)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*_HEAD, *names])
        table.writeheader()
        number = 0
        for record in _records(folder):
            table.writerow(record)
            number += 1
    return number


def export_parquet(folder: Path, path: Path) -> int:
    """The same as Parquet. Returns how many rows. Raises UserError for what cannot be read or written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    moment = pa.timestamp("us", tz="UTC")
    fields = [("seq", pa.int64()), ("utc", moment), *((name, pa.string()) for name in _TEXTS)]
    fields += [(name, pa.float64()) for name in ("decide_s", "write_s", *_names(folder))]
    schema, number = pa.schema(fields), 0
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as file:
        for batch in itertools.batched(_records(folder), _BATCH):
            file.write_table(pa.Table.from_pylist(list(batch), schema=schema))
            number += len(batch)
    return number


def export_recording(folder: Path, path: Path, building: Building) -> int:
    """What the site showed, as a CSV that `--site FILE.csv` takes. Returns how many readings.

    Raises UserError for what cannot be read or written, or where no tick was kept.
    """
    readings = [_finite(tick.reading) for tick in ticks(folder)]
    if not readings:
        raise UserError(f"{folder}: no tick was kept: there is nothing to record")
    newest = readings[0].time
    in_order = [readings[0]]
    for reading in readings[1:]:
        if reading.time > newest:  # a site's clock that was set back, or a run that began within a step
            newest = reading.time
            in_order.append(reading)
    with replacing(path) as temporary:
        write_recording(temporary, building, in_order)
    return len(in_order)


def _records(folder: Path) -> Iterator[dict[str, object]]:
    """Every row, flat; what a row does not have is not there."""
    for row in rows(folder):
        site_time = None if row.site_time is None else row.site_time.isoformat()
        record: dict[str, object] = {"seq": row.seq, "utc": row.utc, "site_time": site_time, "kind": row.kind}
        record |= {"payload": canonical(row.payload), "hash": row.hash.hex()}
        yield record | _of_tick(row) if row.kind == "tick" else record


def _of_tick(row: Row) -> dict[str, object]:
    """The values of a tick, by column."""
    tick = tick_of(row.payload)
    outcome = row.payload["outcome"]
    found: dict[str, object] = {
        "stage": tick.stage,
        "verdict": tick.verdict.kind if tick.verdict else None,
        "rules": " ".join(sorted({reason.rule for reason in tick.verdict.reasons})) if tick.verdict else None,
        "outcome": outcome["kind"] if outcome else None,
        "decide_s": tick.decide_s,
        "write_s": tick.write_s,
    }
    found |= tick.reading.values
    for prefix, values in _setpoints(row.payload).items():
        found |= {f"{prefix}_{name}": value for name, value in values.items()}
    return found


def _setpoints(payload: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """What was proposed, applied, and asked for by the building's own control."""
    tick = tick_of(payload)
    return {
        "proposed": dict(tick.proposal.setpoints) if tick.proposal else {},
        "applied": dict(tick.verdict.setpoints) if tick.verdict else {},
        "incumbent": dict(tick.reading.incumbent) if tick.reading.incumbent else {},
    }


def _names(folder: Path) -> list[str]:
    """The columns of all ticks' values, in the order in which they come. Raises UserError for one that is taken."""
    names: dict[str, None] = {}
    for row in rows(folder, "tick"):
        names |= dict.fromkeys(name for name in _of_tick(row) if name not in _HEAD)
    return list(names)


def _finite(reading: Reading) -> Reading:
    """A recording has a number, or none."""
    values = {n: v if v is not None and math.isfinite(v) else None for n, v in reading.values.items()}
    return Reading(time=reading.time, values=values)

"""Ticks as payloads of a journal, and back: nothing that a table of ticks or an explanation needs is lost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from airhandler import __version__
from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Reading, Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.control.table import TickTable
from airhandler.control.tick import Tick
from airhandler.safety.intake import as_number
from airhandler.safety.verdict import Adjusted, Allowed, Proposal, Reason, Rejected, Verdict

from .journal_reading import rows

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TEXTS, _REASON_NUMBERS = ("rule", "words", "point"), ("asked", "given", "multiplier", "slack_k")


def tick_payload(tick: Tick) -> dict[str, Any]:
    """A Tick as JSON can hold it. A number that is not finite is a word; what is no number at all becomes `nan`."""
    return {
        "number": tick.number,
        "stage": tick.stage,
        "reading": reading_payload(tick.reading),
        "proposal": None if tick.proposal is None else _proposal_payload(tick.proposal),
        "verdict": None if tick.verdict is None else verdict_payload(tick.verdict),
        "outcome": None if tick.outcome is None else outcome_payload(tick.outcome),
        "decide_s": _number(tick.decide_s),
        "write_s": _number(tick.write_s),
    }


def tick_of(payload: Mapping[str, Any]) -> Tick:
    """The Tick of a payload."""
    proposal, verdict, outcome = payload["proposal"], payload["verdict"], payload["outcome"]
    return Tick(
        number=payload["number"],
        stage=payload["stage"],
        reading=_reading_of(payload["reading"]),
        proposal=None if proposal is None else _proposal_of(proposal),
        verdict=None if verdict is None else _verdict_of(verdict),
        outcome=None if outcome is None else _outcome_of(outcome),
        decide_s=_float(payload["decide_s"]),
        write_s=_float(payload["write_s"]),
    )


def ticks(folder: Path, *, after: int = 0) -> Iterator[Tick]:
    """Every Tick of a journal behind a row, the oldest first. Raises UserError for what cannot be read."""
    return (tick_of(row.payload) for row in rows(folder, "tick", after=after))


def tick_table(folder: Path, building: Building, *, after: int = 0) -> TickTable:
    """Every Tick of a journal behind a row as columns. Raises UserError for what cannot be read."""
    table = TickTable(building)
    for tick in ticks(folder, after=after):
        table.add(tick)
    return table


def start_payload(building: Building, controller: str, **more: Any) -> dict[str, Any]:
    """What the first row of a run says: what ran on which building, with which version.

    Args:
        building: whose points the ticks have.
        controller: who proposes.
        more: what else there is to say, as JSON can hold it.
    """
    return {"version": __version__, "building": building.reference, "controller": controller, **more}


def building_of(folder: Path) -> str:
    """The building that the last run of a journal was on. Raises UserError where no run began."""
    found = [row.payload["building"] for row in rows(folder, "start") if "building" in row.payload]
    if not found:
        raise UserError(f"{folder}: does not say whose points they are: name it with --building")
    return str(found[-1])


def reading_payload(reading: Reading) -> dict[str, Any]:
    """A Reading as JSON can hold it."""
    return {
        "time": reading.time.isoformat(),
        "values": {name: None if value is None else _number(value) for name, value in reading.values.items()},
        "age_s": _numbers(reading.age_s),
        "incumbent": None if reading.incumbent is None else _numbers(reading.incumbent),
    }


def verdict_payload(verdict: Verdict) -> dict[str, Any]:
    """A Verdict as JSON can hold it."""
    return {
        "kind": verdict.kind,
        "setpoints": _numbers(verdict.setpoints),
        "reasons": [_reason_payload(reason) for reason in verdict.reasons],
        "distance": _number(verdict.distance) if isinstance(verdict, Adjusted) else None,
    }


def outcome_payload(outcome: WriteOutcome) -> dict[str, Any]:
    """What the site said to a write, as JSON can hold it."""
    if isinstance(outcome, Overridden):
        return {"kind": "overridden", "reason": outcome.reason}
    in_force = None if outcome.in_force is None else _numbers(outcome.in_force)
    if isinstance(outcome, Written):
        return {"kind": "written", "in_force": in_force}
    return {"kind": "failed", "reason": outcome.reason, "in_force": in_force}


def _proposal_payload(proposal: Proposal) -> dict[str, Any]:
    return {
        "setpoints": _numbers(proposal.setpoints),
        "time": proposal.time.isoformat(),
        "controller": proposal.controller,
        "confidence": None if proposal.confidence is None else _number(proposal.confidence),
    }


def _reason_payload(reason: Reason) -> dict[str, Any]:
    """What a reason says; what it does not is left out."""
    said = {name: getattr(reason, name) for name in (*_TEXTS, *_REASON_NUMBERS)}
    return {
        name: value if isinstance(value, str) else _number(value)
        for name, value in said.items()
        if value is not None and value != ""
    }


def _reading_of(payload: Mapping[str, Any]) -> Reading:
    return Reading(
        time=datetime.fromisoformat(payload["time"]),
        values={name: None if value is None else _float(value) for name, value in payload["values"].items()},
        age_s=_floats(payload["age_s"]),
        incumbent=_setpoints(payload["incumbent"]),
    )


def _proposal_of(payload: Mapping[str, Any]) -> Proposal:
    confidence = payload["confidence"]
    return Proposal(
        setpoints=Setpoints(_floats(payload["setpoints"])),
        time=datetime.fromisoformat(payload["time"]),
        controller=payload["controller"],
        confidence=None if confidence is None else _float(confidence),
    )


def _verdict_of(payload: Mapping[str, Any]) -> Verdict:
    setpoints = Setpoints(_floats(payload["setpoints"]))
    reasons = tuple(_reason_of(reason) for reason in payload["reasons"])
    match payload["kind"]:
        case "allowed":
            return Allowed(setpoints=setpoints, reasons=reasons)
        case "adjusted":
            return Adjusted(setpoints=setpoints, reasons=reasons, distance=_float(payload["distance"]))
        case "rejected":
            return Rejected(setpoints=setpoints, reasons=reasons)
    raise ValueError(f"verdict {payload['kind']!r}")


def _reason_of(payload: Mapping[str, Any]) -> Reason:
    numbers: dict[str, Any] = {name: _float(value) for name, value in payload.items() if name not in _TEXTS}
    texts: dict[str, Any] = {name: payload.get(name, "") for name in _TEXTS}
    return Reason(**texts, **numbers)


def _outcome_of(payload: Mapping[str, Any]) -> WriteOutcome:
    match payload["kind"]:
        case "written":
            return Written(in_force=_setpoints(payload["in_force"]))
        case "failed":
            return WriteFailed(reason=payload["reason"], in_force=_setpoints(payload.get("in_force")))
        case "overridden":
            return Overridden(reason=payload["reason"])
    raise ValueError(f"outcome {payload['kind']!r}")


def _numbers(values: Mapping[str, float]) -> dict[str, float | str]:
    return {str(name): _number(value) for name, value in values.items()}


def _number(value: object) -> float | str:
    if type(value) is not float:
        number = as_number(value)
        return "nan" if number is None else number
    return value if math.isfinite(value) else ("nan" if math.isnan(value) else "inf" if value > 0 else "-inf")


def _setpoints(payload: Mapping[str, Any] | None) -> Setpoints | None:
    return None if payload is None else Setpoints(_floats(payload))


def _floats(payload: Mapping[str, Any]) -> dict[str, float]:
    return {name: _float(value) for name, value in payload.items()}


def _float(value: float | str) -> float:
    return _NOT_FINITE[value] if isinstance(value, str) else float(value)

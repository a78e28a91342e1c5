"""What people are shown of a step: where each set-point stands and who wants it where, and the warmest inlet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airhandler.buildings.catalog import Building
from airhandler.control.tick import Tick
from airhandler.safety.intake import as_number

from .series import inlet_limits_c
from .signs import ShownInlet, ShownSetpoint


def shown_setpoints(
    building: Building, tick: Tick, share: Callable[[str], float], *, given_back: bool
) -> tuple[ShownSetpoint, ...]:
    """Each set-point of the building, after a step.

    Args:
        building: whose they are.
        tick: the step.
        share: how much of a set-point is granted.
        given_back: whether authority went back in it: what is in force since then has not been read.
    """
    own: Mapping[str, object] = tick.reading.incumbent or {}
    wanted: Mapping[str, object] = tick.proposal.setpoints if tick.proposal else {}
    judged: Mapping[str, object] = tick.verdict.setpoints if tick.verdict else {}
    written: Mapping[str, object] = getattr(tick.outcome, "in_force", None) or {}
    stands = {} if given_back else {**tick.reading.values, **written}
    return tuple(
        ShownSetpoint(
            name=point.name,
            unit=point.unit,
            own=as_number(own.get(point.name)),
            wanted=as_number(wanted.get(point.name)),
            judged=as_number(judged.get(point.name)) if share(point.name) > 0.0 else None,
            in_force=as_number(stands.get(point.name)),
            share=share(point.name),
        )
        for point in building.setpoints
    )


def shown_inlet(building: Building, tick: Tick) -> ShownInlet | None:
    """The warmest inlet; None in a building without servers, and where none can be read."""
    limits_c = inlet_limits_c(building)
    known = {
        zone.inlet_temp: value
        for zone in building.zones.values()
        if (value := as_number(tick.reading.get(zone.inlet_temp))) is not None
    }
    if not known:
        return None
    name = max(known, key=known.__getitem__)
    return ShownInlet(
        name=name,
        value_c=known[name],
        recommended_c=limits_c["recommended_high"],
        allowable_c=limits_c["allowable_high"],
    )

"""Shadow: one controller beside the control that is there. It proposes; there is nothing to write with."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping

from airhandler.buildings.catalog import Building, find_building, with_world
from airhandler.control.controller import Controller
from airhandler.control.identity import building_sha256, controller_sha256
from airhandler.control.loop import Loop
from airhandler.control.registry import STOCK, find_controller, warn_of
from airhandler.safety.shield import Shield

from . import checkpoint
from .connectors.connection import View
from .operator import Operator
from .run import TICKS_FILE, Run, RunOutcome, begun
from .settings import SIMULATED, RunSettings
from .stop import Stop

log = logging.getLogger("airhandler.shadow")


def run_shadow(
    settings: RunSettings,
    watch: Callable[[RunSettings, Building], View],
    *,
    stop: Stop | None = None,
) -> RunOutcome:
    """Runs a controller beside a site; `stock` only observes.

    Args:
        settings: what the user chose.
        watch: gives a view of the site, when everything else is ready.
        stop: asks for the end; SIGTERM, SIGINT and SIGHUP do too.

    Raises UserError before anything has started if a choice cannot be met.
    """
    building = with_world(find_building(settings.building, settings.scenario.servers), settings.world)
    operator = Operator(settings.operator, building)
    controller = find_controller(settings.controller, building)
    warn_of(settings.controller, controller, building)
    name = controller.name if controller is not None else STOCK
    with begun(settings, building, name, stop) as run:
        view = watch(settings, building)
        run.about = about(settings, building, controller, view)
        shield = operator.shield()
        try:
            with contextlib.closing(view.site):
                resumed = _resumed(settings, run, view, controller, shield) if view.sha256 else None
                run.go(
                    view,
                    lambda on_tick: Loop(
                        site=view.site,
                        clock=view.clock,
                        step_s=building.step_s,
                        controller=controller,
                        shield=shield,
                        refresh=operator.shield,
                        writer=None,
                        on_tick=on_tick,
                        in_force=resumed.in_force if resumed else None,
                        history=resumed.history if resumed else (),
                        past=resumed.past if resumed else (),
                        number=resumed.number if resumed else 0,
                        forecaster=resumed.forecaster if resumed else None,
                    ),
                )
        finally:
            outcome = run.save("observe" if controller is None else "shadow")
    return outcome


def about(settings: RunSettings, building: Building, controller: Controller | None, view: View) -> Mapping[str, object]:
    """What is run, for whoever judges it later."""
    told: dict[str, object] = {
        "site": view.name or settings.kind,
        "building": building.reference,
        "building_sha256": building_sha256(building),
        "controller_named": settings.controller,
        "controller_sha256": controller_sha256(settings.controller, building, controller),
    }
    if view.sha256:
        return told | {"recording_sha256": view.sha256, "mended": [mend.to_dict() for mend in view.mends]}
    if settings.site == SIMULATED:
        start = f"{settings.start[0]:02}-{settings.start[1]:02}"
        return told | {"simulated": {"weather": settings.weather, "start": start, "days": settings.simulated_days}}
    return told


def _resumed(
    settings: RunSettings, run: Run, view: View, controller: Controller | None, shield: Shield
) -> checkpoint.Resumed | None:
    """Where the run in the folder was; None for one that begins."""
    made_of = {name: str(run.about[name]) for name in ("building_sha256", "controller_sha256", "recording_sha256")}
    operator = settings.operator.read_text() if settings.operator is not None else ""
    made_of["operator"] = hashlib.sha256(operator.encode()).hexdigest()
    if not settings.resume:
        checkpoint.begin(settings.out, made_of)
        return None
    checkpoint.check(settings.out, made_of)
    if not (settings.out / TICKS_FILE).exists():
        return None
    run.resume()
    log.info("going on after %d ticks", len(run.table))
    return checkpoint.replayed(view, run.table.building.step_s, controller, shield, run.table)

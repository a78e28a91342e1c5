"""Shadow: one controller beside the control that is there. It proposes; there is nothing to write with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from airhandler.buildings.catalog import Building, find_building, with_world
from airhandler.control.loop import Loop
from airhandler.control.registry import STOCK, find_controller, warn_of

from .connectors.connection import View
from .operator import Operator
from .run import RunOutcome, begun
from .settings import RunSettings
from .stop import Stop


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
        try:
            with contextlib.closing(view.site):
                run.go(
                    view,
                    lambda on_tick: Loop(
                        site=view.site,
                        clock=view.clock,
                        step_s=building.step_s,
                        controller=controller,
                        shield=operator.shield(),
                        refresh=operator.shield,
                        writer=None,
                        on_tick=on_tick,
                    ),
                )
        finally:
            outcome = run.save("observe" if controller is None else "shadow")
    return outcome

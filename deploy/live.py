"""Live: one controller in charge of one site, behind the shield, until a stop gives authority back."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from airhandler.buildings.catalog import Building, find_building, with_world
from airhandler.buildings.errors import AirhandlerError, UserError
from airhandler.buildings.points import Setpoints
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Writer, Written
from airhandler.control.loop import Loop
from airhandler.control.registry import find_controller, warn_of
from airhandler.safety.handover import Handover

from .connectors.connection import Connection
from .operator import Operator
from .run import RunOutcome, begun
from .settings import RunSettings
from .standing import Standing
from .stop import Stop

log = logging.getLogger("airhandler.live")


def run_live(
    settings: RunSettings,
    connect: Callable[[RunSettings, Building], Connection],
    *,
    stop: Stop | None = None,
) -> RunOutcome:
    """Runs a controller in charge of a site. However it ends, authority goes back, and that is said.

    Args:
        settings: what the user chose.
        connect: gives the connection with the site, when everything else is ready.
        stop: asks for the end; SIGTERM, SIGINT and SIGHUP do too.

    Raises UserError before anything is written if a choice cannot be met.
    """
    building = with_world(find_building(settings.building, settings.scenario.servers), settings.world)
    operator = Operator(settings.operator, building)
    controller = find_controller(settings.controller, building)
    if controller is None:
        raise UserError(
            f"controller {settings.controller!r} is the building's own control: there is nothing to write. "
            "`airhandler shadow` watches it"
        )
    warn_of(settings.controller, controller, building)
    handover = Handover()
    stop = stop or Stop()
    with begun(settings, building, controller.name, stop) as run:
        connection = connect(settings, building)
        authority = Authority(connection.writer)
        run.metrics.follow(lambda: authority.standing(handover))
        try:
            with contextlib.closing(connection.view.site):
                run.go(
                    connection.view,
                    lambda on_tick: Loop(
                        site=connection.view.site,
                        clock=connection.view.clock,
                        step_s=building.step_s,
                        controller=controller,
                        shield=operator.shield(),
                        refresh=operator.shield,
                        writer=authority,
                        on_tick=on_tick,
                        handover=handover,
                        stopped=lambda: stop.asked,
                    ),
                )
        finally:
            authority.tell(run.why)
            outcome = run.save(
                "live",
                given_back=authority.given_back,
                handover=handover.reason.words if handover.reason else None,
            )
    return outcome


class Authority:
    """A writer that knows whether authority is with us or was given back.

    Args:
        writer: of the site.
        now_s: the wall's clock [s since 1970].
    """

    def __init__(self, writer: Writer, *, now_s: Callable[[], float] = time.time) -> None:
        self._writer, self._now_s = writer, now_s
        self._last: WriteOutcome | None = None
        self._stands = (False, now_s())  # one assignment: who asks from another thread never sees half of it

    @property
    def given_back(self) -> bool | None:
        """Whether the site confirmed that authority went back; None if it was never taken."""
        return None if self._last is None else isinstance(self._last, Written)

    def write(self, setpoints: Setpoints) -> WriteOutcome:
        """Writes: authority is ours from here on, even if the site does not confirm it."""
        self._last = WriteFailed(reason="it was not asked to")
        self._turn(in_charge=True)
        return self._writer.write(setpoints)

    def relinquish(self) -> WriteOutcome:
        """Gives authority back."""
        try:
            self._last = self._writer.relinquish()
        except AirhandlerError as error:
            self._last = WriteFailed(reason=str(error))
        if isinstance(self._last, Written):
            self._turn(in_charge=False)
        return self._last

    def standing(self, handover: Handover) -> Standing:
        """How it stands with authority now."""
        (in_charge, since_s), reason = self._stands, handover.reason
        return Standing(in_charge=in_charge, since_s=since_s, why_back=reason.words if reason else None)

    def _turn(self, *, in_charge: bool) -> None:
        if in_charge != self._stands[0]:
            self._stands = (in_charge, self._now_s())

    def tell(self, why: str) -> None:
        """Says where authority is now that the run has ended."""
        match self._last:
            case None:
                log.info("the building's own control kept authority: %s", why)
            case Written():
                log.info("authority given back to the building's own control: %s", why)
            case WriteFailed(reason=reason) | Overridden(reason=reason):
                log.critical("authority was NOT given back (%s); the run ended: %s", reason, why)

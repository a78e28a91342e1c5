"""What a person's order does, or why it does nothing: no order is taken silently."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from airhandler.buildings.errors import AirhandlerError
from airhandler.safety.handover import Handover

from .grants import Grants
from .latch import Latch
from .orders import Order
from .signs import Answer

log = logging.getLogger("airhandler.orders")


class Held(Protocol):
    """What is known of our slots."""

    @property
    def holding(self) -> bool:
        """Whether something of ours is or may be in force."""
        ...

    def held(self) -> str | None:
        """Who comes before us at a point that may be written, in words; None: nobody. Raises SiteError."""
        ...


class _RefusedError(AirhandlerError):
    """An order that cannot have an effect."""


@dataclass(frozen=True, kw_only=True)
class Obeying:
    """Does as people say.

    Attributes:
        grants: what is granted.
        handover: latched while authority is back.
        latch: keeps that over restarts.
        slots: what stands in them.
        unwatched: why nobody watches us; None where somebody does.
        walks: whether there is a way back step by step: the site tells what its own control asks for.
    """

    grants: Grants
    handover: Handover
    latch: Latch
    slots: Held
    unwatched: Callable[[], str | None]
    walks: Callable[[], bool]

    def obey(self, order: Order) -> Answer:
        """Does it, says so in the log, and answers."""
        length = None if order.seconds is None else timedelta(seconds=order.seconds)
        try:
            answer = Answer(order=order.key, done=True, words=self._does(order, length))
        except AirhandlerError as error:
            answer = Answer(order=order.key, done=False, words=str(error))
        said = "" if answer.done else "refused: "
        log.warning("order `%s` of %s: %s%s", order.kind, order.by, said, answer.words)
        return answer

    def _does(self, order: Order, length: timedelta | None) -> str:
        match order.kind:
            case "give-back":
                return self._give_back(order.by, length)
            case "reset":
                return self._reset()
            case "accept":
                return self._accept(length)
            case "reject":
                return self._reject(order.by)

    def _give_back(self, by: str, over: timedelta | None) -> str:
        if self.handover.reason is not None:
            return f"authority was already to go back, until a reset: {self.handover.reason.words}"
        why = f"{by} took authority back (order give-back)"
        self.latch.keep(why)
        unkept = "" if self.latch.safe else "; the disk does not take that: after a restart it would be taken again"
        if over is not None and self.slots.holding and self.walks():
            until = self.grants.give_back(why, over)
            return f"authority goes back step by step until {_second(until)} of the site's time{unkept}"
        self.grants.give_back(why)
        if not self.slots.holding:
            return f"nothing of ours is in force, and nothing will be until a reset{unkept}"
        if over is not None:
            return f"authority goes back at once: the site does not tell what its own control asks for{unkept}"
        return f"authority goes back now, and stays back until a reset{unkept}"

    def _reset(self) -> str:
        if self.handover.latched:
            if self.slots.holding:
                raise _RefusedError("the building has not confirmed yet that what we wrote is given back")
            self._see_that_it_can()
        elif not self.grants.leaving:
            raise _RefusedError("there is nothing to reset: authority was not taken back")
        self.grants.reset()
        self.latch.lift()
        if self.grants.stage == "advisory":
            return "advice may be accepted again"
        return "authority may be taken from the next step on"

    def _see_that_it_can(self) -> None:
        """Whether what is asked for would not be undone in the next step. Raises _RefusedError, SiteError."""
        if (why := self.unwatched()) is not None:
            raise _RefusedError(f"nobody watches: {why}")
        if (held := self.slots.held()) is not None:
            raise _RefusedError(f"{held}: it must be let go first")

    def _accept(self, length: timedelta | None) -> str:
        if self.grants.stage == "live":
            raise _RefusedError("the stage is live: nothing waits to be accepted")
        if self.handover.reason is not None:
            raise _RefusedError(f"authority is back until a reset: {self.handover.reason.words}")
        if self.grants.leaving:
            raise _RefusedError("authority goes back step by step, as a person has asked: `reset` comes first")
        self._see_that_it_can()
        until = self.grants.accept(length)
        if until is None:
            return "what is advised is written for one step, the next that begins"
        return f"what is advised is written until {_second(until)} of the site's time"

    def _reject(self, by: str) -> str:
        if self.grants.stage == "live":
            raise _RefusedError("the stage is live: nothing was accepted; `give-back` takes authority back")
        if not self.grants.accepted:
            return "nothing was accepted: nothing is written"
        self.grants.reject(by)
        return "authority goes back now: nothing is written any more"


def _second(when: datetime) -> str:
    return when.isoformat(timespec="seconds")

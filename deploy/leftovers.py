"""What stands at a site before its watchdog is ready: who may have put it there, and whether it is to be given back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airhandler.buildings.errors import UserError

from .connectors.bus import Marks
from .lookout import Look, Lookout
from .reader import HangsError, Reader
from .recovery import unknown
from .state import StateFolder

log = logging.getLogger("airhandler.watchdog")


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """What stands in our slots.

    Attributes:
        standing: all of it, by point.
        ours: what nobody looks after, and is to be given back.
        foreign: what somebody else has written, and is left alone.
    """

    standing: Mapping[str, float]
    ours: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


class Leftovers:
    """Finds out what an earlier controller has left in force.

    Args:
        state: the site's state folder: its lease and its journal know what we wrote.
        lookout: on it.
        marks: by what our values are known again.
        patience_s: how long an answer of the disk is waited for [s].
        blind_s: after how long a journal that does not answer counts as one that cannot be read [s].
    """

    def __init__(
        self, state: StateFolder, lookout: Lookout, *, marks: Marks, patience_s: float, blind_s: float
    ) -> None:
        self._state, self._lookout, self._marks = state, lookout, marks
        self._patience_s, self._blind_s = patience_s, blind_s
        self._standing: tuple[Mapping[str, float], float] | None = None  # what, and when it was read
        self._journal: Reader[Mapping[str, float]] | None = None

    def find(self, ours: Callable[[], Mapping[str, float]], look: Look) -> Left:
        """What is to be done with what stands there. Raises HangsError where the disk has not said it yet.

        Args:
            ours: reads what stands there; what it raises is raised here.
            look: what is known of the controller.
        """
        if self._standing is None:
            now_s = self._state.signs.now_s()
            self._standing, look = (dict(ours()), now_s), self._lookout.look()
        standing, since_s = self._standing
        if not look.fresh or look.at_s < since_s:  # a controller may have begun in between
            raise HangsError("whether a controller is in charge is not known yet")
        foreign = {} if not standing or look.left else self._foreign(standing, since_s)
        self._standing = self._journal = None
        ours_too = () if look.left else tuple(name for name in standing if name not in foreign)
        return Left(standing=standing, ours=ours_too, foreign=tuple(foreign))

    def _foreign(self, standing: Mapping[str, float], since_s: float) -> Mapping[str, float]:
        """What of it somebody else has written. Raises HangsError while the journal may still answer."""
        self._journal = self._journal or Reader(lambda: self._unknown(standing), self._patience_s)
        try:
            return self._journal.ask()
        except HangsError as error:
            if self._state.signs.now_s() < since_s + self._blind_s:
                raise
            log.error("the journal cannot be read: %s", error)
            return {}

    def _unknown(self, standing: Mapping[str, float]) -> Mapping[str, float]:
        """What of it the controller's journal does not know. One that cannot be read knows everything."""
        try:
            return unknown(standing, self._state, self._marks)
        except UserError as error:
            log.error("%s", error)
            return {}

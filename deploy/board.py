"""The board: what a controller shows people of itself, in each step and after each order."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable

from airhandler.control.tick import Stage, Tick
from airhandler.safety.handover import Handover

from .grants import Grants
from .showing import shown_inlet, shown_setpoints
from .signs import Answer, ControllerSign, Signs
from .site_file import SiteSettings

log = logging.getLogger("airhandler.board")

_ANSWERS = 8  # the last ones, for those who wait for them


class Board:
    """Keeps the controller's sign true. One that cannot be written is said, and keeps nothing from being done.

    Args:
        site: which site.
        signs: where it is shown.
        token: of the controller's lock.
        step_s: the machine's seconds between two steps [s].
        controller: who proposes.
        grants: what is granted.
        handover: why authority goes back.
    """

    def __init__(
        self,
        site: SiteSettings,
        signs: Signs,
        *,
        token: str,
        step_s: float,
        controller: str,
        grants: Grants,
        handover: Handover,
    ) -> None:
        self._site, self._signs, self._step_s, self._controller = site, signs, step_s, controller
        self._grants, self._handover = grants, handover
        self._token, self._given_back = token, False
        self._setpoints = frozenset(p.name for p in site.building.setpoints)
        self._sign: ControllerSign | None = None
        self._answers: tuple[Answer, ...] = ()

    def begin(self) -> None:
        """A step begins: what it has read is in force."""
        self._given_back = False

    def see(self, tick: Tick, stage: Stage, *, in_charge: bool) -> None:
        """Takes note of a step, with what was granted in it.

        Args:
            tick: the step.
            stage: how much authority there is after it.
            in_charge: whether something of ours is or may be in force after it.
        """
        self._sign = ControllerSign(
            pid=os.getpid(),
            token=self._token,
            site=self._site.file.site,
            controller=self._controller,
            stage=stage,
            in_charge=in_charge,
            tick=tick.number,
            site_time=tick.reading.time,
            step_s=self._step_s,
            notes=tuple(r.words for r in (tick.verdict.reasons if tick.verdict else ()) if self._is_ours(r.point)),
            setpoints=shown_setpoints(self._site.building, tick, self._share, given_back=self._given_back),
            inlet=shown_inlet(self._site.building, tick),
            ramp_s=self._grants.ramp_s,
            at_s=self._signs.now_s(),
            boot=self._signs.boot,
        )

    def _share(self, name: str) -> float:
        """How much of a set-point is granted, or would be if it were accepted; nothing while authority is back."""
        return 0.0 if self._handover.latched else self._grants.share(name)

    def _is_ours(self, point: str | None) -> bool:
        """Whether what the shield says is of something that may be written, or of no set-point."""
        return point is None or point not in self._setpoints or self._share(point) > 0.0

    def answer(self, answers: Iterable[Answer]) -> None:
        """Takes note of what is answered to orders."""
        self._answers = (*self._answers, *answers)[-_ANSWERS:]

    def show_again(self, *, in_charge: bool) -> None:
        """Shows the last step, with what has changed since; before the first one there is nothing to show."""
        if self._sign is not None:
            stage: Stage = "fallback" if self._handover.latched else self._grants.stage
            self._sign = self._sign.model_copy(update={"stage": stage, "in_charge": in_charge})
            self.show()

    def give_back(self) -> None:
        """Shows that authority went back: what is in force since then has not been read."""
        self._given_back = True
        if self._sign is not None:
            unread = tuple(p.model_copy(update={"in_force": None}) for p in self._sign.setpoints)
            self._sign = self._sign.model_copy(update={"setpoints": unread})
        self.show_again(in_charge=False)

    def show(self) -> None:
        """Shows the step that was seen last."""
        if self._sign is None:
            return
        self._sign = self._sign.model_copy(
            update={
                "why": self._handover.reason.words if self._handover.reason else "",
                "until": self._grants.until,
                "leaving": self._grants.leaving and not self._handover.latched,
                "exercised_s": self._grants.exercised_s,
                "answers": self._answers,
            }
        )
        try:
            self._signs.put_controller(self._sign)
        except OSError as error:
            log.error("what we do cannot be shown: %s: %s", error.filename, error.strerror or error)

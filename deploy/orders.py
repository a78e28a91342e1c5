"""Orders: a person's word to a controller that runs. One small file each, taken by the loop within a second."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field

from airhandler.buildings.errors import AirhandlerError, UserError
from airhandler.buildings.strict import Strict

from .boot import boot_s
from .small_files import put_record, read_record

log = logging.getLogger("airhandler.orders")

OrderKind = Literal["give-back", "reset", "accept", "reject"]

LONGEST_S = 30 * 86400.0
"""For how long a person's word may hold, at most."""

VALID_S = 3600.0
"""How old an order may be when it is taken: a controller that was stopped for a day must not act on an old word."""


class OrdersError(AirhandlerError):
    """Nobody can be heard."""


class Order(Strict):
    """What a person asks of a controller.

    Attributes:
        key: its own, by which it is answered.
        kind: `give-back` authority to the building, `reset` the handover, `accept` or `reject` what is proposed.
        to: token of the controller that it was given to: no later one takes it.
        seconds: of `give-back`: over what time; of `accept`: for how long, from when it is taken; None: at once, and
            for one step [s].
        by: who gave it.
        utc: when, by the machine's clock, which may be set.
        at_s: when, by the one that is not [s, boot-time clock]. The token says which start of the machine it is of.
    """

    key: str
    kind: OrderKind
    to: str
    seconds: float | None = Field(default=None, gt=0, le=LONGEST_S)
    by: str
    utc: AwareDatetime
    at_s: float = Field(allow_inf_nan=False)


class Orders:
    """The folder of orders of one site.

    Args:
        folder: where their files are.
        now_s: the boot-time clock [s].
    """

    def __init__(self, folder: Path, *, now_s: Callable[[], float] = boot_s) -> None:
        self._folder, self._now_s = folder, now_s
        self._seen: set[str] = set()  # names of files that could not be removed

    def give(self, kind: OrderKind, *, to: str, seconds: float | None = None) -> Order:
        """Puts an order where the controller takes it. Raises UserError where that cannot be written.

        The folder is the controller's to make. It can read the order whoever gives it: root, too.
        """
        at_s = self._now_s()
        key = f"{int(at_s * 1e9):020}-{os.getpid()}"  # in the order in which they are given
        order = Order(key=key, kind=kind, to=to, seconds=seconds, by=_who(), utc=datetime.now(UTC), at_s=at_s)
        try:
            put_record(self._folder / f"{key}.json", order, mode=0o644)
        except OSError as error:
            raise UserError(f"{self._folder}: cannot be written: {error.strerror or error}") from error
        return order

    def take(self, token: str) -> list[Order]:
        """The orders to the controller that has this token, in the order in which they were given; they are gone then.

        What is no order, too old or meant for an earlier controller is removed, and said in the log. One whose file
        cannot be removed is taken all the same, once: a person's word counts, not who may write where.

        Raises OrdersError where the folder, or an order, cannot be read: it may be a person's last word.
        """
        taken: list[Order] = []
        for path in self._listed():
            try:
                order = read_record(path, Order)
            except ValueError as error:
                if isinstance(error.__cause__, OSError):
                    raise OrdersError(f"an order cannot be read: {error}") from error
                log.error("%s: no order that can be taken: %s", path, error)
                self._remove(path, path.with_suffix(".refused"))
                continue
            self._remove(path)
            if order is not None and self._is_due(order, token):
                taken.append(order)
        return taken

    def _listed(self) -> list[Path]:
        try:
            with os.scandir(self._folder) as entries:
                names = sorted(e.name for e in entries if e.name.endswith(".json") and not e.name.startswith("."))
        except OSError as error:
            raise OrdersError(f"{self._folder}: orders cannot be read: {error.strerror or error}") from error
        return [self._folder / name for name in names if name not in self._seen]

    def _remove(self, path: Path, aside: Path | None = None) -> None:
        """Removes a file, or puts it aside; one that stays is not looked at again."""
        try:
            path.unlink(missing_ok=True) if aside is None else path.rename(aside)
        except OSError as error:
            self._seen.add(path.name)
            log.error("%s: cannot be removed: %s", path, error.strerror or error)

    def _is_due(self, order: Order, token: str) -> bool:
        old_s = self._now_s() - order.at_s
        if order.to == token and old_s <= VALID_S:
            return True
        why = f"{old_s:.0f} s old" if order.to == token else "given to an earlier controller"
        log.warning("order `%s` of %s is not taken: %s", order.kind, order.by, why)
        return False


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        return str(os.getuid())

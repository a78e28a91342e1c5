"""What a device says where it gives no value, and what is said of points for which there is none."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from airhandler.buildings.errors import SiteError

log = logging.getLogger("airhandler.bus")


@dataclass(frozen=True, slots=True)
class Refused:
    """What a device says in place of a value, or what it answered that is none.

    Attributes:
        words: what it said.
        by: `error` for one value; `reject` or `abort` for a whole request.
    """

    words: str
    by: Literal["error", "reject", "abort"] = "error"


class SilenceError(SiteError):
    """A device did not answer in time."""


class OtherDeviceError(SiteError):
    """Another device answers at the address than the one that is asked for.

    Args:
        address: where.
        wanted: the instance number of the one that is asked for.
        answers: the one that answers; None where it does not say.
    """

    def __init__(self, address: str, wanted: int, answers: int | None) -> None:
        other = "another device" if answers is None else f"device {answers}"
        super().__init__(f"{address}: {other} answers where {wanted} should")
        self.answers = answers


class Absences:
    """Why points are absent: told when it changes, and when one is there again; not in each cycle."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def tell(self, name: str, where: str, why: str | None) -> None:
        """Takes note of one point in one cycle.

        Args:
            name: of the point.
            where: its object or register.
            why: why it is absent; None where it is there.
        """
        if why == self._reasons.get(name):
            return
        if why is None:
            del self._reasons[name]
            log.info("%s (%s) is there again", name, where)
            return
        self._reasons[name] = why
        log.warning("%s (%s) is absent: %s", name, where, why)

"""How it stands with authority at a moment. Who wants to know asks: no step of the loop tells it, or waits for it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .grants import Grants
from .latch import Latch
from .lease import LeaseRecord
from .state import StateFolder

_LONGEST = 300  # characters of a reason, which may name every sensor of a building


@dataclass(frozen=True, kw_only=True, slots=True)
class OnBus:
    """What there is of authority on a bus alone.

    Attributes:
        watched: whether a watchdog is there, and ready for this site.
        lease_age_s: how long ago the lease was renewed; None while nothing of ours is in force [s].
        lease_limit_s: within what age of the lease everything is given back; None as before [s].
        taken_back: whether the watchdog has given back what we wrote, and the building has confirmed it.
        granted: of each set-point, how far it goes from the building's own control towards the controller, 0 to 1.
        waits: whether what is proposed waits for a person to accept it.
        accepted_s: for how long it is still accepted [s of the site]; None where no person has, or none need to.
        latched_s: since when authority is to stay back [s since 1970]; None where it is not, or nobody knows.
        journal_errors: rows that the journal did not take, since the start.
    """

    watched: bool
    lease_age_s: float | None
    lease_limit_s: float | None
    taken_back: bool
    granted: Mapping[str, float]
    waits: bool
    accepted_s: float | None
    latched_s: float | None
    journal_errors: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How it stands with authority.

    Attributes:
        in_charge: whether something of ours is or may be in force.
        since_s: since when that is so [s since 1970].
        why_back: why authority is to stay with the building; None where it is not.
        on_bus: what is known of it on a bus; None elsewhere.
    """

    in_charge: bool
    since_s: float
    why_back: str | None
    on_bus: OnBus | None = None

    @property
    def why_back_shortly(self) -> str | None:
        """The same in one line that every reader takes: a device may have said a part of it."""
        if self.why_back is None:
            return None
        sound = self.why_back.encode(errors="replace").decode()
        return textwrap.shorten(sound, _LONGEST, placeholder=" ...")


def on_bus(
    folder: StateFolder,
    *,
    token: str,
    setpoints: tuple[str, ...],
    grants: Grants,
    latch: Latch,
    unwatched: Callable[[], str | None],
    journal_errors: int,
) -> OnBus:
    """How it stands on a bus now; of the lease what the watchdog sees, too: its file.

    Args:
        folder: the site's state folder.
        token: of the controller's lock on it.
        setpoints: names of all set-points.
        grants: what is granted.
        latch: what keeps authority back.
        unwatched: why nobody watches; None where somebody does.
        journal_errors: rows that the journal did not take.
    """
    lease = _in_charge(folder, token)
    return OnBus(
        watched=unwatched() is None,
        lease_age_s=None if lease is None else folder.signs.now_s() - lease.renewed_s,
        lease_limit_s=None if lease is None else lease.validity_s,
        taken_back=lease is not None and not folder.lease.stands(lease),
        granted={name: grants.granted(name) for name in setpoints},
        waits=grants.waits,
        accepted_s=grants.accepted_s,
        latched_s=latch.since_s,
        journal_errors=journal_errors,
    )


def _in_charge(folder: StateFolder, token: str) -> LeaseRecord | None:
    """Our lease, where it says that something of ours may be in force; one that cannot be read says nothing here."""
    try:
        lease = folder.lease.record()
    except ValueError:
        return None
    return lease if lease is not None and lease.in_charge and lease.token == token else None

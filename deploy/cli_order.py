"""`airhandler order` on the command line: a person's word to a controller that runs, and what it is doing."""

from __future__ import annotations

import contextlib
import json
import re
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from airhandler.buildings.errors import UserError

from .cli_watchdog import SiteArgument

if TYPE_CHECKING:
    from .orders import OrderKind
    from .signs import Answer
    from .state import Holder, StateFolder

app = typer.Typer(no_args_is_help=True)


class What(StrEnum):
    """What may be asked."""

    GIVE_BACK = "give-back"
    RESET = "reset"
    ACCEPT = "accept"
    REJECT = "reject"
    STATUS = "status"


_PATIENCE_S, _LOOK_S = (
    15.0,
    0.1,
)  # between two steps a controller looks every second; in a step it may wait for a device

_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LENGTH = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(_UNITS_S)})")


@app.command(
    epilog="For example: airhandler order site.yaml status  |  airhandler order site.yaml give-back --over 1h"
    "  |  airhandler order site.yaml accept --for 30min",
)
def order(
    site: SiteArgument,
    what: Annotated[What, typer.Argument(help="What is asked; `status` asks what it is doing.")],
    over: Annotated[
        str | None, typer.Option("--over", metavar="1h", help="give-back: in steps, over such a time.")
    ] = None,
    accept_for: Annotated[
        str | None, typer.Option("--for", metavar="1h", help="accept: what is proposed in such a time, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Asks something of the controller that runs on a site, and waits for its answer.

    give-back: authority goes to the building's own control, and stays there. reset: a person has looked, and it may be
    taken anew. accept, reject: what is proposed, in the stage `advisory`. status: what it is doing; exit code 1 where
    none runs. Times are the site's. An order that cannot have an effect is refused: exit code 2.
    """
    from .site_file import load_site
    from .state import StateFolder

    state = StateFolder(load_site(site).state, asking=True)
    if what is What.STATUS:
        _refuse(over, accept_for, what)
        _show(state, site, as_json=as_json)
        return
    seconds = _seconds(over, accept_for, what)
    holder = state.holder()
    if holder is None:
        raise UserError(f"{site}: no controller runs on this site: nobody would take the order `{what}`")
    given = state.orders.give(cast("OrderKind", what.value), to=holder.token, seconds=seconds)
    answer = _answer(state, holder, given.key)
    if as_json:
        said = answer.model_dump(exclude={"order"}) if answer is not None else None
        typer.echo(json.dumps({**given.model_dump(mode="json", exclude={"to", "key"}), "answer": said}, indent=2))
    if answer is None:
        raise UserError(
            f"{site}: `{what}` is given to process {holder.pid}, and not answered: it is taken when its step ends. "
            f"`airhandler order {site} status` says how it stands; kill {holder.pid} ends the process, and gives back"
        )
    if not answer.done:
        raise UserError(f"{site}: `{what}` is refused: {answer.words}")
    if not as_json:
        typer.echo(f"{what}: {answer.words}")


def _answer(state: StateFolder, holder: Holder, key: str) -> Answer | None:
    """What the controller answers to an order; None where it does not within the time that people wait.

    Raises UserError where it ends before it answers.
    """
    until_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until_s:
        with contextlib.suppress(ValueError):
            said = state.signs.controller()
            answers = said.answers if said is not None and said.token == holder.token else ()
            if (answer := next((a for a in answers if a.order == key), None)) is not None:
                return answer
        now = state.holder()
        if now is None or now.token != holder.token:
            raise UserError(f"the controller (process {holder.pid}) ended before it answered")
        time.sleep(_LOOK_S)
    return None


def _show(state: StateFolder, site: Path, *, as_json: bool) -> None:
    from .situation import situation

    found = situation(state, str(site))
    typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else "\n".join(found.lines()))
    if not found.runs:
        raise typer.Exit(1)


def _seconds(over: str | None, accept_for: str | None, what: What) -> float | None:
    """The time that belongs to an order [s]. Raises UserError for one that belongs to another."""
    if what is What.GIVE_BACK:
        _refuse(None, accept_for, what)
        return None if over is None else _length_s("--over", over)
    if what is What.ACCEPT:
        _refuse(over, None, what)
        return None if accept_for is None else _length_s("--for", accept_for)
    _refuse(over, accept_for, what)
    return None


def _refuse(over: str | None, accept_for: str | None, what: What) -> None:
    if over is not None:
        raise UserError(f"--over is for give-back, not for {what}: leave it out")
    if accept_for is not None:
        raise UserError(f"--for is for accept, not for {what}: leave it out")


def _length_s(option: str, words: str) -> float:
    from .orders import LONGEST_S

    match = _LENGTH.fullmatch(words)
    if match is None or float(match[1]) == 0.0:
        raise UserError(f"{option} {words}: give a time like 90s, 30min, 1h or 2d")
    length_s = float(match[1]) * _UNITS_S[match[2]]
    if length_s > LONGEST_S:
        raise UserError(f"{option} {words}: at most {LONGEST_S / _UNITS_S['d']:.0f}d")
    return length_s

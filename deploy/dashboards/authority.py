"""Panels of authority: who is in charge, since when and why, how far, and how to stop it."""

from __future__ import annotations

from .panel import BLUE, GREEN, ORANGE, RED, WINDOW, Panel, Query, counted, metric

_WE, _BUILDING, _NOT_BACK = "airhandler", "the building", "NOT GIVEN BACK"
_GRANTED, _WATCHES = "it is granted: see how far below", "nothing can be written: it only watches, or has ended"
_ACCEPTED = "a person has accepted the advice: see for how long below"
_WAITS = "advice waits: airhandler order SITE.yaml accept --for 1h"
_NOT_YET = "nothing was written yet: the log says what for"
_TAKEN_BACK = "the watchdog gave it back: the controller was silent"
_READY, _NONE = "ready", "NONE"
_ANY_TIME = """**It is always safe**, and stays with the building until `airhandler order SITE.yaml reset`:

- `airhandler order SITE.yaml give-back`
- an operator's slot (8 or below) at the device
- end the process: Ctrl-C, `kill -TERM`, `systemctl stop airhandler-live@SITE`

Killed, or silent? The watchdog gives back; `airhandler order SITE.yaml status` says so. Alerts: docs/runbooks.md.
"""


def in_charge() -> Panel:
    """Whose set-points are in force."""
    ours = f"{metric('in_charge')} == 1 unless on (instance) {metric('watchdog_gave_back')} == 1"
    back = metric("stage", 'stage="fallback"') + " == 1"
    return Panel(
        title="In charge",
        help="Whose set-points are in force. NOT GIVEN BACK: release our slots at the operator station.",
        queries=(
            _first_of(
                "who",
                {_WE: f"{ours} unless on (instance) {back}", _NOT_BACK: ours, _BUILDING: metric("build_info")},
            ),
        ),
        colors={_WE: GREEN, _BUILDING: BLUE, _NOT_BACK: RED},
        big=True,
        width=6,
        height=4,
        empty="no answer: see AirhandlerDown in the runbooks",
    )


def watchdog() -> Panel:
    """Whether somebody watches."""
    ready = metric("watchdog_ready")
    return Panel(
        title="Watchdog",
        help="Gives everything back where the controller is silent. Without one nothing is written.",
        queries=(_first_of("is", {_READY: f"{ready} == 1", _NONE: ready}),),
        colors={_READY: GREEN, _NONE: RED},
        big=True,
        width=4,
        height=4,
        empty="-",
    )


def who_has_it() -> list[Panel]:
    """Why, since when, and how to stop it."""
    ours = metric("stage", 'stage=~"live|advisory"') + " == 1"
    why = {
        _TAKEN_BACK: f"{metric('watchdog_gave_back')} == 1",
        _WAITS: f"{metric('advice_waiting')} == 1",
        _ACCEPTED: metric("acceptance_left_seconds"),
        _GRANTED: f"{ours} and on (instance) {metric('in_charge')} == 1",
        _NOT_YET: ours,
        _WATCHES: metric("build_info"),
    }
    rest = _first_of("why", why)
    return [
        Panel(
            title="Why",
            help="Why authority is where it is. Orange: it went back, and stays there until a person resets.",
            queries=(Query(expr=f"{metric('handover_info')} or on (instance) {rest.expr}", legend=rest.legend),),
            colors={_GRANTED: GREEN, _ACCEPTED: GREEN, _WAITS: BLUE, _NOT_YET: BLUE, _WATCHES: BLUE},
            steps=((None, ORANGE),),
            big=True,
            width=10,
            height=5,
        ),
        Panel(
            title="Since",
            help="For how long one and the same has been in charge.",
            queries=(Query(expr=f"time() - {metric('authority_changed_timestamp_seconds')}"),),
            unit="s",
            steps=((None, BLUE),),
            big=True,
            width=4,
            height=5,
            decimals=0,
            empty="-",
        ),
        Panel(title="To stop it", help="At any time.", text=_ANY_TIME, width=10, height=5),
    ]


def how_far() -> list[Panel]:
    """What is granted, what covers it, and what ended it."""
    lost = f"sum(increase({metric('journal_errors_total')}[{WINDOW}]))"
    return [
        Panel(
            title="Share of authority",
            help="How far each set-point goes from the building's own control (0 %) to the controller (100 %).",
            queries=(Query(expr=metric("granted_ratio"), legend="{{zone}} {{part}}"),),
            unit="percentunit",
            width=12,
        ),
        Panel(
            title="Lease, and acceptance",
            help="Time since it was renewed. At two thirds of the limit the watchdog begins to give back. No line: "
            "nothing of ours is in force. For how long advice is still accepted is the building's time.",
            queries=(
                Query(expr=metric("lease_age_seconds"), legend="renewed ago"),
                Query(expr=metric("lease_limit_seconds"), legend="limit"),
                Query(expr=metric("acceptance_left_seconds"), legend="advice accepted for"),
            ),
            unit="s",
            limits="limit",
            width=12,
        ),
        Panel(
            title="Overrides, and rows not in the journal",
            help="Within the window. Each of them ends our authority until a person resets.",
            queries=(
                Query(
                    expr=counted("writes_total", "outcome", 'outcome="overridden"'), legend="overridden by an operator"
                ),
                Query(expr=lost, legend="rows not in the journal"),
            ),
            width=12,
            decimals=0,
        ),
    ]


def _first_of(label: str, cases: dict[str, str]) -> Query:
    """The name of the first of some expressions that is so, as a label."""
    named = (f'label_replace({expr}, "{label}", "{name}", "", "")' for name, expr in cases.items())
    return Query(expr=" or on (instance) ".join(named), legend=f"{{{{{label}}}}}")

"""What the operator's dashboard shows, from the top row down."""

from __future__ import annotations

from airhandler.buildings.catalog import Building
from airhandler.deploy.series import comfort_limits_c, inlet_limits_c

from .authority import how_far, in_charge, watchdog, who_has_it
from .panel import BLUE, GREEN, GREY, ORANGE, RED, WINDOW, Panel, Query, counted, metric

LATE_STEPS, LOST_STEPS = 1.5, 3  # when a tick is late, and when the run counts as lost, as in the alerts
STAGE_COLORS = {"live": GREEN, "shadow": BLUE, "advisory": BLUE, "observe": GREY, "fallback": RED}


def panels(building: Building) -> list[Panel]:
    """Every panel; limits and times are those of the building."""
    if building.kind == "office":
        middle, power = _rooms(), _office_power()
    else:
        middle, power = _temperatures(), _power()
    return [
        *_at_a_glance(building),
        *who_has_it(),
        *middle,
        *how_far(),
        *_shield(),
        *power,
        _total_power(),
        *_health(building),
    ]


def _at_a_glance(building: Building) -> list[Panel]:
    return [
        in_charge(),
        Panel(
            title="Stage",
            help="How much authority we have. fallback: authority went back to the building's own control.",
            queries=(Query(expr=f"{metric('stage')} == 1", legend="{{stage}}"),),
            colors=STAGE_COLORS,
            big=True,
            width=4,
            height=4,
        ),
        watchdog(),
        _worst_room(building) if building.kind == "office" else _worst_inlet(building),
        Panel(
            title="Last tick",
            help="How long ago the last control step was. Red: three steps are missing.",
            queries=(Query(expr=f"time() - {metric('last_tick_timestamp_seconds')}"),),
            unit="s",
            steps=(
                (None, GREEN),
                (LATE_STEPS * building.step_s, ORANGE),
                (LOST_STEPS * building.step_s, RED),
            ),
            big=True,
            width=5,
            height=4,
            decimals=0,
        ),
    ]


def _worst_inlet(building: Building) -> Panel:
    limits_c = inlet_limits_c(building)
    return Panel(
        title="Warmest inlet",
        help="The warmest server inlet. Orange: above recommended. Red: above allowable.",
        queries=(Query(expr=f"max({metric('reading_celsius', 'part="inlet_temp"')})"),),
        unit="celsius",
        steps=(
            (None, BLUE),
            (limits_c["recommended_low"], GREEN),
            (limits_c["recommended_high"], ORANGE),
            (limits_c["allowable_high"], RED),
        ),
        big=True,
        width=5,
        height=4,
        decimals=1,
    )


def _worst_room(building: Building) -> Panel:
    limits_c, people = comfort_limits_c(building), metric("reading_people", 'part="occupants"')
    temp = metric("reading_celsius", 'part="zone_temp"')
    outside = f"clamp_min({temp} - {limits_c['high']:g}, 0) + clamp_min({limits_c['low']:g} - {temp}, 0)"
    there = f"({people} >= bool {building.file.shield.occupied_from:g})"
    return Panel(
        title="Worst zone with people",
        help="By how many kelvins it is outside the range of comfort; 0 where nobody suffers, or nobody is.",
        queries=(Query(expr=f"max(({outside}) * on (zone) {there})"),),
        unit="suffix: K",
        steps=((None, GREEN), (0.1, ORANGE), (2.0, RED)),
        big=True,
        width=5,
        height=4,
        decimals=1,
    )


def _supply_air() -> Panel:
    supply = 'part="supply_temp_setpoint"'
    return Panel(
        title="Supply-air temperature: proposed and applied",
        help="No applied line: the building's own control has authority.",
        queries=(
            Query(expr=metric("proposed_celsius", supply), legend="{{zone}} proposed"),
            Query(expr=metric("applied_celsius", supply), legend="{{zone}} applied"),
        ),
        unit="celsius",
        limits=".* proposed",
    )


def _rooms() -> list[Panel]:
    band = 'part=~"heating_setpoint|cooling_setpoint"'
    return [
        _supply_air(),
        Panel(
            title="Heating and cooling set-points: proposed and applied",
            help="No applied line: the building's own control has authority.",
            queries=(
                Query(expr=metric("proposed_celsius", band), legend="{{point}} proposed"),
                Query(expr=metric("applied_celsius", band), legend="{{point}} applied"),
            ),
            unit="celsius",
            limits=".* proposed",
        ),
        Panel(
            title="Zones and their range while people are there",
            help="Operative temperatures. Outside the range with people for long: see who asked for it below.",
            queries=(
                Query(expr=metric("reading_celsius", 'part="zone_temp"'), legend="{{zone}}"),
                Query(expr=metric("comfort_limit_celsius"), legend="limit {{limit}}"),
            ),
            unit="celsius",
            limits="limit .*",
        ),
    ]


def _office_power() -> list[Panel]:
    hvac, fans = metric("reading_watts", 'part="hvac"'), metric("reading_watts", 'part="fans"')
    others = metric("reading_watts", 'part=~"fans|other|gas"')
    return [
        Panel(
            title="Where the power goes",
            help="Means of the last step; heating and cooling are HVAC's electricity without its fans.",
            queries=(
                Query(expr=others, legend="{{part}}"),
                Query(expr=f"{hvac} - ignoring(point, part) {fans}", legend="heating and cooling"),
            ),
            unit="watt",
            stacked=True,
            width=8,
        ),
        Panel(
            title="People",
            help="How many are in each zone.",
            queries=(Query(expr=metric("reading_people", 'part="occupants"'), legend="{{zone}}"),),
            stacked=True,
            width=8,
        ),
    ]


def _temperatures() -> list[Panel]:
    flow = 'part="supply_flow_setpoint"'
    return [
        _supply_air(),
        Panel(
            title="Supply airflow: proposed and applied",
            help="No applied line: the building's own control has authority.",
            queries=(
                Query(expr=f"{metric('proposed_grams_per_second', flow)} / 1000", legend="{{zone}} proposed"),
                Query(expr=f"{metric('applied_grams_per_second', flow)} / 1000", legend="{{zone}} applied"),
            ),
            unit="suffix: kg/s",
            limits=".* proposed",
        ),
        Panel(
            title="Server inlets and their limits",
            help="What the servers breathe. Above recommended for long: see the runbook.",
            queries=(
                Query(expr=metric("reading_celsius", 'part="inlet_temp"'), legend="{{zone}} inlet"),
                Query(expr=metric("inlet_limit_celsius"), legend="limit {{limit}}"),
            ),
            unit="celsius",
            limits="limit .*",
        ),
    ]


def _shield() -> list[Panel]:
    moved = f"sum(increase({metric('verdicts_total', 'kind!="allowed"')}[{WINDOW}]))"
    return [
        Panel(
            title="Shield interventions by rule",
            help="Steps in which a rule changed or refused the proposal, within the window.",
            queries=(Query(expr=counted("shield_interventions_total", "rule"), legend="{{rule}}"),),
        ),
        Panel(
            title="Verdicts",
            help="Answers of the shield within the window. Only rejected: look at the sensors first.",
            queries=(Query(expr=counted("verdicts_total", "kind"), legend="{{kind}}"),),
            stacked=True,
            width=8,
        ),
        Panel(
            title="Adjusted or rejected",
            help="Share of steps in which the shield did not let the proposal pass, within the window.",
            queries=(Query(expr=f"{moved} / sum(increase({metric('verdicts_total')}[{WINDOW}]))"),),
            unit="percentunit",
            steps=((None, GREEN), (0.25, ORANGE), (0.5, RED)),
            big=True,
            width=4,
            decimals=0,
        ),
    ]


def _total_power() -> Panel:
    return Panel(
        title="Total power",
        help="The whole facility, mean of the last step.",
        queries=(Query(expr=metric("reading_watts", 'part="total"')),),
        unit="watt",
        big=True,
        width=8,
        decimals=1,
    )


def _power() -> list[Panel]:
    total, it = metric("reading_watts", 'part="total"'), metric("reading_watts", 'part="it"')
    hvac, fans = metric("reading_watts", 'part="hvac"'), metric("reading_watts", 'part="fans"')
    others = metric("reading_watts", 'part=~"fans|cpu|server_fans|ups|other"')
    return [
        Panel(
            title="Where the power goes",
            help="Means of the last step; cooling is HVAC without its fans.",
            queries=(
                Query(expr=others, legend="{{part}}"),
                Query(expr=f"{hvac} - ignoring(point, part) {fans}", legend="cooling"),
            ),
            unit="watt",
            stacked=True,
            width=8,
        ),
        Panel(
            title="PUE",
            help="Facility power per server power. Judge it only together with total power.",
            queries=(Query(expr=f"{total} / ignoring(point, part) {it}", legend="PUE"),),
            width=8,
            decimals=3,
        ),
    ]


def _health(building: Building) -> list[Panel]:
    def quantile(share: float, name: str) -> str:
        buckets = metric(f"{name}_bucket")
        return f"histogram_quantile({share}, sum by (le) (rate({buckets}[{WINDOW}])))"

    return [
        Panel(
            title="Time for a decision",
            help="Proposal and shield together.",
            queries=(
                Query(expr=quantile(0.5, "decision_seconds"), legend="p50"),
                Query(expr=quantile(0.99, "decision_seconds"), legend="p99"),
            ),
            unit="s",
            width=8,
        ),
        Panel(
            title="Age of readings",
            help=f"The oldest point, and the limit. {building.id} trusts nothing older.",
            queries=(
                Query(expr=f"max({metric('reading_age_seconds')})", legend="oldest"),
                Query(expr=metric("reading_age_limit_seconds"), legend="limit"),
            ),
            unit="s",
            limits="limit",
            width=8,
        ),
        Panel(
            title="Writes, and points without a value",
            help="Writes within the window by what the site said. In shadow there are none.",
            queries=(
                Query(expr=counted("writes_total", "outcome"), legend="{{outcome}}"),
                Query(expr=metric("points_absent"), legend="points without a value"),
            ),
            width=8,
        ),
    ]

"""What dashboards and alerts ask for: names of metrics in PromQL, and of the metrics that there are."""

from __future__ import annotations

import re

from airhandler.buildings.site import Written
from airhandler.deploy.metrics import Metrics
from airhandler.safety.verdict import Adjusted, Reason
from tests.deploy.scenes import building, on_bus, setpoints, standing, tick

_NAME = re.compile(r"\bairhandler_[a-z_]+")


def named(expr: str) -> set[str]:
    """Names of our metrics in an expression, without what Prometheus itself adds to a histogram's."""
    return set(_NAME.findall(expr))


def known() -> set[str]:
    """Names of every sample of a run in which everything happened."""
    metrics = Metrics(building(), interval_s=1.0)
    moved = Adjusted(setpoints=setpoints(), reasons=(Reason(rule="ramp", words="too far"),))
    metrics.observe(tick(verdict=moved, outcome=Written()))
    metrics.follow(lambda: standing(why_back="a doubt", on_bus=on_bus(latched_s=1.0, accepted_s=1.0)))
    return {sample.name for family in metrics.registry.collect() for sample in family.samples}

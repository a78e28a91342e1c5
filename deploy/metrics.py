"""Prometheus metrics: every Tick on /metrics. The only file that knows prometheus_client."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from airhandler import __version__
from airhandler.buildings.catalog import Building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Role
from airhandler.buildings.site import Overridden, WriteFailed, WriteOutcome, Written
from airhandler.control.tick import Stage, Tick
from airhandler.safety.intake import as_number
from airhandler.safety.verdict import interventions

from .series import (
    LABELS,
    Series,
    applied,
    comfort_limits_c,
    inlet_limits_c,
    numbers,
    proposed,
    rule_names,
    series_of,
)
from .standing import Standing
from .standing_series import Family, families

log = logging.getLogger("airhandler.metrics")

STAGES: tuple[Stage, ...] = get_args(Stage)
KINDS = ("allowed", "adjusted", "rejected")
OUTCOMES: dict[type[WriteOutcome], str] = {Written: "written", WriteFailed: "failed", Overridden: "overridden"}
# From the time of a small policy to the deadline of the loop.
SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one run.

    What is counted stands in counters; what is known now is made from the last Tick when it is asked for, so
    that a value which is absent in it has no sample: not a zero, and not the one from before.

    Args:
        building: whose points are shown.
        registry: where the metrics are registered; by default one of their own.
        controller: name of the controller, for `airhandler_build_info`.
        site: what kind of site it is, for `airhandler_build_info`.
        interval_s: expected time between ticks on the wall's clock [s]; None where none is promised.
        now: the wall's clock [s since 1970].
    """

    def __init__(
        self,
        building: Building,
        registry: CollectorRegistry | None = None,
        *,
        controller: str = "",
        site: str = "",
        interval_s: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        self._now, self._step_s = now, building.step_s
        info = {"version": __version__, "building": building.id, "controller": controller, "site": site}
        self._latest = _Latest(building, info, interval_s)
        self.registry.register(self._latest)
        self._meters = [s for s in series_of(building) if s.point in building.file.meters.named().values()]
        self._count(building)

    def observe(self, tick: Tick) -> None:
        """Takes note of one Tick."""
        self._latest.show(tick, tick.stage, self._now())
        self._ticks.inc()
        if tick.verdict is not None:
            self._verdicts.labels(tick.verdict.kind).inc()
            self._decision.observe(tick.decide_s)
        for rule in interventions(tick.verdict):
            self._interventions.labels(rule).inc()
        if tick.outcome is not None:
            self._writes.labels(OUTCOMES[type(tick.outcome)]).inc()
            self._write.observe(tick.write_s)
        self._add_up(tick)

    def authority(self, stage: Stage) -> None:
        """Takes note of a stage that changed after the last Tick: what it applied is no longer in force."""
        self._latest.change(stage)

    def follow(self, look: Callable[[], Standing]) -> None:
        """Shows how it stands with authority whenever somebody asks for the page, in a thread of who asks."""
        self._latest.look = look

    def text(self) -> str:
        """The page as Prometheus reads it."""
        return generate_latest(self.registry).decode()

    def serve(self, port: int, address: str = "127.0.0.1") -> MetricsServer:
        """Serves the page; port 0 takes a free one. Raises UserError if the port cannot be had."""
        try:
            server, thread = start_http_server(port, address, self.registry)
        except OSError as error:
            raise UserError(
                f"port {port} on {address} cannot be had for the metrics ({error.strerror or error}): "
                "name another with --port, or 0 for any that is free"
            ) from error
        return MetricsServer(server, thread, address)

    def _count(self, building: Building) -> None:
        def counter(name: str, words: str, label: str = "", values: Iterable[str] = ()) -> Counter:
            made = Counter(f"airhandler_{name}", words, [label] if label else [], registry=self.registry)
            for value in values:
                made.labels(value)
            return made

        def histogram(name: str, words: str) -> Histogram:
            return Histogram(f"airhandler_{name}", words, buckets=SECONDS, registry=self.registry)

        self._ticks = counter("ticks_total", "Control steps since the start")
        self._verdicts = counter("verdicts_total", "Answers of the shield, by kind", "kind", KINDS)
        self._interventions = counter(
            "shield_interventions_total",
            "Control steps in which a rule of the shield changed or refused a proposal",
            "rule",
            rule_names(building),
        )
        self._writes = counter("writes_total", "Writes to the site, by what it said", "outcome", OUTCOMES.values())
        energy = [s.part for s in self._meters if s.unit == "watts"]
        self._energy = counter(
            "energy_joules_total", "Electricity since the start, by meter; gas is the meter `gas`", "meter", energy
        )
        water = [s.part for s in self._meters if s.unit == "cubic_meters_per_second"]
        self._water = counter("water_cubic_meters_total", "Water since the start, by meter", "meter", water)
        self._decision = histogram("decision_seconds", "Time for a proposal and the shield's answer")
        self._write = histogram("write_seconds", "Time for a write to the site")

    def _add_up(self, tick: Tick) -> None:
        """Adds what each meter drew over the step that just ended: not below zero, and no old value twice."""
        for series, per_s in numbers(self._meters, tick.reading.values):
            if tick.reading.age_s.get(series.point, 0.0) >= self._step_s:
                continue
            total = self._energy if series.unit == "watts" else self._water
            total.labels(series.part).inc(max(0.0, per_s) * self._step_s)


class _Latest(Collector):
    """What is known now: gauges that are made from the last Tick, and those that never change."""

    def __init__(self, building: Building, info: Mapping[str, str], interval_s: float | None) -> None:
        self._info, self._interval_s = dict(info), interval_s
        self._inlet_c, self._comfort_c = inlet_limits_c(building), comfort_limits_c(building)
        self._max_age_s = building.file.shield.max_age_s
        settable = {p.name for p in building.points if p.role is Role.SETPOINT}
        series = series_of(building)
        self._setpoints = tuple(s for s in series if s.point in settable)
        self._measured = tuple(s for s in series if s.point not in settable)
        self._seen: tuple[Tick, Stage, float] | None = None
        self.look: Callable[[], Standing] | None = None

    def show(self, tick: Tick, stage: Stage, wall_s: float) -> None:
        # One assignment: a scrape in another thread sees one Tick, never half of two.
        self._seen = (tick, stage, wall_s)

    def change(self, stage: Stage) -> None:
        if self._seen is not None:
            self._seen = (self._seen[0], stage, self._seen[2])

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        yield _gauge("build_info", "Which version runs, where and with what", self._info, 1.0)
        yield from _limits("inlet", "Limits of the building's thermal class", self._inlet_c)
        yield from _limits("comfort", "Range of operative temperature where people are", self._comfort_c)
        yield _gauge("reading_age_limit_seconds", "Age at which a reading is not trusted", {}, self._max_age_s)
        if self._interval_s is not None:
            yield _gauge("tick_interval_seconds", "Expected time between ticks", {}, self._interval_s)
        if self._seen is not None:
            yield from self._of_tick(*self._seen)
        yield from self._of_authority()

    def _of_authority(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
        """How it stands with authority. Where that fails, all the rest is shown, and the log says why this is not."""
        try:
            return [] if self.look is None else [_made(f) for f in families(self.look(), self._setpoints)]
        except Exception:
            log.exception("how it stands with authority cannot be shown")
            return []

    def _of_tick(self, tick: Tick, stage: Stage, wall_s: float) -> Iterator[GaugeMetricFamily]:
        values, age_s = tick.reading.values, tick.reading.age_s
        present = list(numbers(self._measured, values))
        yield from _by_unit("reading", "Last reading", present)
        yield from _by_unit("proposed", "What the controller asked for", numbers(self._setpoints, proposed(tick)))
        yield from _by_unit(
            "applied", "Set-points in force by our command", numbers(self._setpoints, applied(tick, stage))
        )
        if tick.proposal is not None and (sure := as_number(tick.proposal.confidence)) is not None:
            yield _gauge("confidence_ratio", "How much like its training the policy finds this", {}, sure)
        ages = GaugeMetricFamily("airhandler_reading_age_seconds", "Age of a point's last value", labels=["point"])
        for series, _ in present:
            ages.add_metric([series.point], age_s.get(series.point, 0.0))
        yield ages
        absent = float(len(self._measured) - len(present))
        yield _gauge("points_absent", "Points without a value in the last reading", {}, absent)
        stages = GaugeMetricFamily("airhandler_stage", "1 for how much authority we have", labels=["stage"])
        for one in STAGES:
            stages.add_metric([one], float(one == stage))
        yield stages
        yield _gauge("last_tick_timestamp_seconds", "Wall-clock time of the last tick", {}, wall_s)
        yield _gauge(
            "site_time_timestamp_seconds",
            "The building's time in the last reading",
            {},
            tick.reading.time.timestamp(),
        )


class MetricsServer:
    """The served page; close it when the run is over."""

    def __init__(self, server: WSGIServer, thread: threading.Thread, address: str) -> None:
        self._server, self._thread = server, thread
        host = f"[{address}]" if ":" in address else address
        self.url = f"http://{host}:{server.server_port}/metrics"

    def close(self) -> None:
        """Stops serving and frees the port. It looks every half second whether it is to stop; a caller wakes it."""
        stopping = threading.Thread(target=self._server.shutdown)
        stopping.start()
        here = (str(self._server.server_address[0]), self._server.server_port)
        with contextlib.suppress(OSError), socket.create_connection(here, timeout=1.0):
            pass
        stopping.join()
        self._server.server_close()
        self._thread.join()


def _made(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if family.counted else GaugeMetricFamily
    made = kind(f"airhandler_{family.name}", family.words, labels=list(family.labels))
    for labels, value in family.samples:
        made.add_metric(list(labels), value)
    return made


def _limits(what: str, words: str, limits_c: Mapping[str, float]) -> Iterator[GaugeMetricFamily]:
    family = GaugeMetricFamily(f"airhandler_{what}_limit_celsius", words, labels=["limit"])
    for limit, value_c in limits_c.items():
        family.add_metric([limit], value_c)
    if limits_c:
        yield family


def _by_unit(what: str, words: str, samples: Iterable[tuple[Series, float]]) -> Iterator[GaugeMetricFamily]:
    families: dict[str, GaugeMetricFamily] = {}
    for series, value in samples:
        name = f"airhandler_{what}_{series.unit}"
        family = families.setdefault(name, GaugeMetricFamily(name, words, labels=LABELS))
        family.add_metric(series.labels, value)
    yield from families.values()


def _gauge(name: str, words: str, labels: Mapping[str, str], value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"airhandler_{name}", words, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family

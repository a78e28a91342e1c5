"""/metrics: what is counted, what is known now, and that absence is no zero."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airhandler.buildings.errors import UserError
from airhandler.buildings.site import WriteFailed
from airhandler.deploy.metrics import Metrics
from airhandler.safety.verdict import Adjusted, Reason, Rejected
from tests.deploy.scenes import FLOW, INLET, SUPPLY, building, on_bus, reading, setpoints, standing, tick

NOW_S = 1_780_000_000.0


def _metrics(**changes: object) -> Metrics:
    given: dict[str, object] = {"controller": "fake", "site": "test", "now": lambda: NOW_S, **changes}
    return Metrics(building(), **given)  # type: ignore[arg-type]


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"airhandler_{name}", labels)


def _inlet(metrics: Metrics, point: str = INLET) -> float | None:
    return _value(metrics, "reading_celsius", point=point, zone=point.split("_")[0], part="inlet_temp")


def test_reading_is_shown_in_base_units() -> None:
    metrics = _metrics()
    metrics.observe(tick(reading=reading(**{INLET: 22.5, "east_supply_airflow_kg_s": 4.6})))
    assert _inlet(metrics) == 22.5
    labels = {"point": "east_supply_airflow_kg_s", "zone": "east", "part": "supply_flow"}
    assert _value(metrics, "reading_grams_per_second", **labels) == pytest.approx(4600.0)


@pytest.mark.parametrize("absent", [None, float("nan")])
def test_absent_value_has_no_sample_not_even_the_one_before(absent: float | None) -> None:
    metrics = _metrics()
    metrics.observe(tick())
    assert _inlet(metrics) is not None
    assert _value(metrics, "points_absent") == 0.0
    metrics.observe(tick(1, reading=reading(1, **{INLET: absent})))
    assert _inlet(metrics) is None
    assert _inlet(metrics, "west_inlet_temp_c") is not None
    assert _value(metrics, "reading_age_seconds", point=INLET) is None
    assert _value(metrics, "points_absent") == 1.0


def test_reading_without_any_value_leaves_no_family_behind() -> None:
    metrics = _metrics()
    metrics.observe(tick(reading=reading(**dict.fromkeys(reading().values))))
    assert "airhandler_reading_celsius" not in metrics.text()


def test_nothing_is_known_before_the_first_tick() -> None:
    metrics = _metrics()
    for name in ("airhandler_reading", "airhandler_stage", "airhandler_last_tick", "airhandler_applied"):
        assert f"\n{name}" not in metrics.text().replace("airhandler_reading_age_limit", "")
    assert _value(metrics, "ticks_total") == 0.0


def test_age_of_a_value_is_shown() -> None:
    metrics = _metrics()
    metrics.observe(tick(reading=reading(age_s={INLET: 90.0})))
    assert _value(metrics, "reading_age_seconds", point=INLET) == 90.0
    assert _value(metrics, "reading_age_seconds", point="total_power_w") == 0.0
    assert _value(metrics, "reading_age_limit_seconds") == building().file.shield.max_age_s


@pytest.mark.parametrize(("confidence", "shown"), [(0.25, 0.25), (None, None), (float("nan"), None), ("sure", None)])
def test_confidence_is_shown_where_there_is_one(confidence: object, shown: float | None) -> None:
    metrics = _metrics()
    sure = dataclasses.replace(tick().proposal, confidence=confidence)  # type: ignore[type-var]
    metrics.observe(tick(proposal=sure))
    assert _value(metrics, "confidence_ratio") == shown


def test_proposed_and_applied_differ_where_the_shield_acted() -> None:
    metrics = _metrics()
    verdict = Adjusted(setpoints=setpoints(19.0, 4.0), reasons=(Reason(rule="ramp", words="too far"),))
    metrics.observe(tick(verdict=verdict))
    labels = {"point": FLOW, "zone": "east", "part": "supply_flow_setpoint"}
    assert _value(metrics, "proposed_grams_per_second", **labels) == 4500.0
    assert _value(metrics, "applied_grams_per_second", **labels) == 4000.0


def test_nothing_is_applied_in_shadow() -> None:
    metrics = _metrics()
    metrics.observe(tick(stage="shadow"))
    assert "airhandler_proposed_celsius{" in metrics.text()
    assert "airhandler_applied" not in metrics.text()


def test_stage_is_one_of_all_and_may_change_between_ticks() -> None:
    metrics = _metrics()
    metrics.observe(tick())
    stages = ("observe", "shadow", "advisory", "live", "fallback")
    assert [_value(metrics, "stage", stage=s) for s in stages] == [0.0, 0.0, 0.0, 1.0, 0.0]
    assert "airhandler_applied_celsius{" in metrics.text()
    metrics.authority("fallback")
    assert [_value(metrics, "stage", stage=s) for s in stages] == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert "airhandler_applied" not in metrics.text()
    assert _inlet(metrics) is not None


def test_authority_before_the_first_tick_shows_nothing() -> None:
    metrics = _metrics()
    metrics.authority("observe")
    assert "airhandler_stage" not in metrics.text()


def test_energy_is_power_times_the_step() -> None:
    metrics = _metrics()
    for number in range(3):
        metrics.observe(tick(number, reading=reading(number, total_power_w=1000.0)))
    assert _value(metrics, "energy_joules_total", meter="total") == 3 * 1000.0 * 900.0


@pytest.mark.parametrize("changes", [{"total_power_w": None}, {"total_power_w": -5.0}])
def test_energy_does_not_grow_without_a_sound_value(changes: dict[str, float | None]) -> None:
    metrics = _metrics()
    metrics.observe(tick(reading=reading(**changes)))
    assert _value(metrics, "energy_joules_total", meter="total") == 0.0


def test_old_meter_value_is_not_counted_again() -> None:
    metrics = _metrics()
    metrics.observe(tick(reading=reading(age_s={"total_power_w": 900.0}, total_power_w=1000.0)))
    assert _value(metrics, "energy_joules_total", meter="total") == 0.0


def test_water_is_counted_in_its_own_metric() -> None:
    metrics = _metrics()
    metrics.observe(tick(reading=reading(water_flow_m3_s=0.001)))
    assert _value(metrics, "water_cubic_meters_total", meter="water") == pytest.approx(0.9)
    assert _value(metrics, "energy_joules_total", meter="water") is None


def test_verdicts_writes_and_rules_are_counted_from_zero() -> None:
    metrics = _metrics()
    assert _value(metrics, "verdicts_total", kind="rejected") == 0.0
    assert _value(metrics, "writes_total", outcome="failed") == 0.0
    assert _value(metrics, "shield_interventions_total", rule="ramp") == 0.0
    reasons = (Reason(rule="ramp", words="too far"), Reason(rule="ramp", words="there, too"))
    metrics.observe(tick(verdict=Rejected(setpoints=setpoints(), reasons=reasons)))
    metrics.observe(tick(1, outcome=WriteFailed(reason="refused")))
    assert _value(metrics, "verdicts_total", kind="rejected") == 1.0
    assert _value(metrics, "verdicts_total", kind="allowed") == 1.0
    assert _value(metrics, "shield_interventions_total", rule="ramp") == 1.0
    assert _value(metrics, "writes_total", outcome="written") == 1.0
    assert _value(metrics, "writes_total", outcome="failed") == 1.0
    assert _value(metrics, "ticks_total") == 2.0


def test_times_of_decision_and_write_are_histograms() -> None:
    metrics = _metrics()
    metrics.observe(tick(decide_s=0.0002, write_s=20.0))
    assert _value(metrics, "decision_seconds_bucket", le="0.0001") == 0.0
    assert _value(metrics, "decision_seconds_bucket", le="0.00025") == 1.0
    assert _value(metrics, "write_seconds_bucket", le="10.0") == 0.0
    assert _value(metrics, "write_seconds_count") == 1.0


def test_observing_only_decides_and_writes_nothing() -> None:
    metrics = _metrics()
    metrics.observe(dataclasses.replace(tick(stage="observe"), proposal=None, verdict=None))
    assert _value(metrics, "decision_seconds_count") == 0.0
    assert _value(metrics, "write_seconds_count") == 0.0
    assert _value(metrics, "ticks_total") == 1.0


def test_times_are_the_clocks() -> None:
    metrics = _metrics(interval_s=1.5)
    metrics.observe(tick(2))
    assert _value(metrics, "last_tick_timestamp_seconds") == NOW_S
    assert _value(metrics, "site_time_timestamp_seconds") == reading(2).time.timestamp()
    assert _value(metrics, "tick_interval_seconds") == 1.5


def test_no_interval_is_promised_at_full_speed() -> None:
    assert "tick_interval" not in _metrics().text()


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([INLET, "total_power_w", "it_load_frac"]), st.floats() | st.none()))
def test_any_reading_can_be_shown(changes: dict[str, float | None]) -> None:
    metrics = _metrics()
    metrics.observe(tick(reading=reading(**changes)))
    metrics.text()


def test_who_is_in_charge_and_since_when_is_asked_when_the_page_is() -> None:
    metrics, now = _metrics(), standing(on_bus=None)
    metrics.follow(lambda: now)
    assert _value(metrics, "in_charge") == 1.0
    now = dataclasses.replace(now, in_charge=False, since_s=NOW_S)
    assert (_value(metrics, "in_charge"), _value(metrics, "authority_changed_timestamp_seconds")) == (0.0, NOW_S)
    assert "watchdog" not in metrics.text()


def test_authority_on_a_bus_is_shown() -> None:
    metrics = _metrics()
    metrics.follow(lambda: standing(on_bus=on_bus(watched=False, taken_back=True, journal_errors=3)))
    flags = ("watchdog_ready", "watchdog_gave_back", "advice_waiting")
    assert [_value(metrics, name) for name in flags] == [0.0, 1.0, 0.0]
    assert (_value(metrics, "lease_age_seconds"), _value(metrics, "lease_limit_seconds")) == (12.0, 2700.0)
    assert _value(metrics, "journal_errors_total") == 3.0
    granted = [
        _value(metrics, "granted_ratio", point=name, zone="east", part=part)
        for name, part in ((SUPPLY, "supply_temp_setpoint"), (FLOW, "supply_flow_setpoint"))
    ]
    assert granted == [0.5, 0.0]


def test_what_is_not_so_has_no_sample() -> None:
    metrics = _metrics()
    metrics.follow(lambda: standing(on_bus=on_bus(lease_age_s=None, lease_limit_s=None, latched_s=NOW_S)))
    for name in ("lease_", "acceptance", "handover"):
        assert f"airhandler_{name}" not in metrics.text(), "a handover's file without a handover is one to come"
    metrics.follow(lambda: standing(on_bus=on_bus(waits=True, accepted_s=60.0)))
    assert (_value(metrics, "advice_waiting"), _value(metrics, "acceptance_left_seconds")) == (1.0, 60.0)


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ("held at 19 degC by slot 8", "held at 19 degC by slot 8"),
        ("a name\nin \udc80 two lines", "a name in ? two lines"),
        (" ".join(["much"] * 100), " ".join(["much"] * 59) + " ..."),
    ],
)
def test_why_authority_stays_back_is_shown_in_one_line(why: str, shown: str) -> None:
    metrics = _metrics()
    metrics.follow(lambda: standing(why_back=why, on_bus=on_bus(latched_s=NOW_S)))
    assert _value(metrics, "handover_info", why=shown) == 1.0
    assert _value(metrics, "handover_timestamp_seconds") == NOW_S
    metrics.text()


def test_a_standing_that_cannot_be_had_costs_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    metrics = _metrics()
    metrics.observe(tick())
    metrics.follow(lambda: standing(on_bus=on_bus(granted={})))
    assert "airhandler_in_charge" not in metrics.text()
    assert _inlet(metrics) is not None
    assert "how it stands with authority cannot be shown" in caplog.messages


def test_names_pass_promtool() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    metrics = _metrics(interval_s=1.0)
    metrics.observe(tick())
    metrics.follow(lambda: standing(why_back="a doubt", on_bus=on_bus(latched_s=NOW_S, accepted_s=60.0)))
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=metrics.text(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_page_is_served_until_closed() -> None:
    metrics = _metrics()
    server = metrics.serve(0)
    with urllib.request.urlopen(server.url, timeout=10) as page:
        assert "airhandler_build_info{" in page.read().decode()
    server.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(server.url, timeout=10)


def test_port_in_use_says_which_and_what_to_do() -> None:
    server = _metrics().serve(0)
    port = int(server.url.rsplit(":", 1)[1].removesuffix("/metrics"))
    try:
        with pytest.raises(UserError, match=rf"port {port} on 127\.0\.0\.1 .*Address already in use.*--port"):
            _metrics().serve(port)
    finally:
        server.close()


def test_address_of_another_machine_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match=r"on 192\.0\.2\.1 "):
        _metrics().serve(0, "192.0.2.1")

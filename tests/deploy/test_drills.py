"""Drills (docs/drills.md): whatever goes wrong on site, the building has its own control, or a sound one."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from airhandler.buildings.envelope import THERMAL_CLASSES
from airhandler.buildings.site import Written
from airhandler.control.bundle import save_bundle
from airhandler.control.tick import Tick
from airhandler.deploy.journal_reading import found, rows, verify
from tests.control.test_bundle import BUILDING, SOURCE, weights
from tests.deploy.cable import Cable
from tests.deploy.drills import INLET, STEP, SUPPLY, Drill, journal_of

pytestmark = pytest.mark.slow

needs_root = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="wants root and iproute2")

LEASE = 3 * STEP
DAY = timedelta(days=1)
RECOMMENDED_C = THERMAL_CLASSES[BUILDING.file.shield.inlet_class].recommended.high_c
CYCLE = STEP + STEP / 2  # a step, and the time that the next cycle takes


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    """A twin under its own control."""
    made = Drill(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def row(request: pytest.FixtureRequest) -> str:
    """The name of the drill, as docs/drills.md has it."""
    return str(request.node.name).removeprefix("test_")


def fill(path: Path) -> None:
    """Writes until nothing more can be written, which it raises."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 512)


def handed_over(drill: Drill, row: str, why: str, within: object = None) -> None:
    """The building has its own control back, the controller says why, and it stays so."""
    took = drill.until(drill.empty)
    drill.told(row, "handed over", took)
    if within is not None:
        assert took <= within  # type: ignore[operator]
    drill.until(lambda: why in drill.sign().why)
    assert not drill.sign().in_charge
    drill.steps(2)
    assert drill.empty()
    assert drill.sign().stage == "fallback"


# -- processes


def test_controller_killed(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal("controller", signal.SIGKILL)
    took = drill.until(drill.empty)
    drill.told(row, "given back by the watchdog", took)
    assert took <= LEASE
    drill.end()
    assert verify(drill.state / "journal").broken is None


def test_watchdog_killed(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal("watchdog", signal.SIGKILL)
    handed_over(drill, row, "nobody watches", CYCLE)
    drill.end()


def test_both_killed(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal("watchdog", signal.SIGKILL)
    os.kill(drill.pid("controller"), signal.SIGKILL)
    took = drill.until(drill.empty)
    drill.told(row, "given back by the building's own watch on the heartbeat", took)
    assert any("heartbeat" in words for words in drill.end()["events"])


def test_both_killed_and_started_anew(tmp_path: Path, row: str) -> None:
    drill = Drill(tmp_path, heartbeat_steps=1000)  # nobody else gives back
    try:
        drill.live()
        os.kill(drill.pid("watchdog"), signal.SIGSTOP)  # it must not help
        watchdog = drill.pid("watchdog")
        os.kill(drill.pid("controller"), signal.SIGKILL)
        os.kill(watchdog, signal.SIGKILL)
        assert drill.occupied()
        drill.mark()
        again = drill.start("live", "outdoor-reset", "--site", str(drill.site_file), "--port", "0")
        took = drill.until(drill.empty)
        drill.told(row, "found by the next start and given back, before it takes anything anew", took)
        drill.until(lambda: drill.occupied() != {}, again)
        drill.end()
    finally:
        drill.kill()


def test_controller_stopped_and_woken(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal("controller", signal.SIGSTOP)
    took = drill.until(drill.empty)
    drill.told(row, "given back by the watchdog; once awake it writes nothing", took)
    assert took <= LEASE
    os.kill(drill.pid("controller"), signal.SIGCONT)
    drill.until(lambda: "lease ran out" in drill.sign().why)
    drill.steps(2)
    assert drill.empty()
    drill.end()


def test_watchdog_stopped(drill: Drill, row: str) -> None:
    drill.live()
    drill.signal("watchdog", signal.SIGSTOP)
    handed_over(drill, row, "nobody watches")
    os.kill(drill.pid("watchdog"), signal.SIGCONT)
    drill.end()


def test_second_controller_started(drill: Drill, row: str) -> None:
    drill.live()
    second = drill.start("live", "outdoor-reset", "--site", str(drill.site_file), "--port", "0")
    assert second.wait() == 2
    assert "a controller of this site runs already" in second.text
    drill.steps(2)
    assert drill.occupied()
    assert drill.sign().stage == "live"
    drill.told(row, "the second one is refused, the first one goes on", None)
    drill.end()


def test_terminated(drill: Drill, row: str) -> None:
    controller = drill.live()
    drill.mark()
    assert controller.end(signal.SIGTERM) == 0
    took = drill.until(drill.empty)
    drill.told(row, "given back, and said", took)
    assert "authority given back to the building's own control: SIGTERM" in controller.text
    drill.end()


# -- the device and the network


def test_device_restarted(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("restart", "0.5")
    took = drill.until(lambda: len(drill.occupied()) == 4 and drill.sign().stage == "live")
    drill.told(row, "its slots are lost; written anew in the next cycle that reads it", took)
    drill.steps(3)
    assert drill.sign().stage == "live"
    drill.end()


def test_device_silent(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("silent", "8")
    took = drill.until(drill.empty)
    drill.told(row, "handed over; given back once it answers, or by its own watch", took)
    drill.until(lambda: drill.sign().stage == "fallback" and not drill.sign().in_charge)
    drill.steps(2)
    assert drill.empty()
    drill.end()


def test_answers_too_slow(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("slow", "1")
    took = drill.until(drill.empty)
    drill.told(row, "handed over", took)
    drill.fault("clear")
    drill.until(lambda: not drill.sign().in_charge)
    drill.end()


def test_large_requests_aborted(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("abort", "segmentation-not-supported", "12")
    drill.steps(4)
    assert drill.sign().stage == "live"
    assert not any(value is None for value in drill.journalled()[-1].reading.values.values())
    drill.told(row, "asked in smaller pieces; nothing is missed", None)
    drill.end()


def test_one_point_unreadable(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("broken", "water_flow_m3_s")
    drill.steps(4)
    reading = drill.journalled()[-1].reading
    assert [name for name, value in reading.values.items() if value is None] == ["water_flow_m3_s"]
    assert drill.sign().stage == "live"
    drill.told(row, "that point is absent, the others count; goes on where it is not needed", None)
    drill.end()


def test_needed_point_unreadable(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("gone", INLET)
    handed_over(drill, row, "absent")
    drill.end()


@needs_root
def test_network_cut(tmp_path: Path, row: str) -> None:
    with closing(Cable()) as cable:
        drill = Drill(tmp_path, cable=cable)
        try:
            drill.live()
            drill.mark()
            cable.cut()
            took = drill.until(drill.empty)
            drill.told(
                row, "given back by the building's own watch; handed over; nothing written once it is back", took
            )
            cable.mend()
            drill.until(lambda: drill.sign().stage == "fallback" and not drill.sign().in_charge)
            drill.steps(2)
            assert drill.empty()
            drill.end()
        finally:
            drill.kill()


# -- writes


def test_write_refused(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("refuse", SUPPLY)
    took = drill.until(lambda: drill.sign().stage == "fallback")
    drill.told(row, "handed over after two; asked until the device lets go", took)
    assert "failed writes in a row" in drill.sign().why
    drill.fault("clear")
    drill.until(drill.empty)
    drill.end()


def test_write_without_effect(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("ignore", SUPPLY)
    took = drill.until(lambda: drill.sign().stage == "fallback")
    drill.told(row, "read back: handed over after two; asked until the slot is empty", took)
    drill.fault("clear")
    drill.until(drill.empty)
    drill.end()


def test_actuator_does_not_follow(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("stick", SUPPLY)
    drill.steps(8)
    drill.told(
        row, f"the slot holds, the air does not follow: stays {drill.sign().stage}, inlets below the limit", None
    )
    drill.end()


def test_operator_overrides(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("operator", SUPPLY, "19")
    handed_over(drill, row, "by slot 8", CYCLE)
    assert SUPPLY in drill.sign().why
    drill.end()


def test_operator_asks_for_authority_and_resets(drill: Drill, row: str) -> None:
    drill.live()
    drill.mark()
    assert drill.start("order", str(drill.site_file), "give-back").wait() == 0
    handed_over(drill, row, "asked for authority")
    assert drill.start("order", str(drill.site_file), "reset").wait() == 0
    drill.until(lambda: drill.occupied() != {})
    assert [r.payload["kind"] for r in rows(drill.state / "journal", "order")] == ["give-back", "reset"]
    drill.end()


# -- sensors


@pytest.mark.parametrize(
    ("kind", "words", "why"),
    [
        ("missing", [], "absent"),
        ("nan", [], "absent"),
        ("absurd", ["200"], "plausible"),
        ("stuck", [], "the same value to the last bit"),
    ],
    ids=["missing", "nan", "absurd", "stuck"],
)
def test_sensor(kind: str, words: list[str], why: str, drill: Drill, row: str) -> None:
    drill.live()
    drill.fault(kind, INLET, *words)
    handed_over(drill, row, why)
    drill.end()


def test_sensor_drifting(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("drift", INLET, "4")
    took = drill.until(drill.empty)
    drill.until(lambda: "no safe set-points" in drill.sign().why)
    warm = [t for t in drill.journalled() if t.stage == "live" and t.reading[INLET] > RECOMMENDED_C]
    asked = [t.proposal.setpoints[SUPPLY] for t in warm if t.proposal is not None]
    given = [t.verdict.setpoints[SUPPLY] for t in warm if t.verdict is not None]
    assert all(cool < wanted for cool, wanted in zip(given, asked, strict=True)), "cooler than the controller asks for"
    assert given[-1] < given[0]
    drill.told(row, "cooled for what it shows; handed over once nothing would be cool enough", took)
    drill.end()


def test_device_clock_jumps(drill: Drill, row: str) -> None:
    drill.live()
    drill.fault("clock", str(DAY.total_seconds()))

    def since() -> list[Tick]:
        ticks = drill.journalled()
        return [t for t in ticks if t.reading.time >= ticks[0].reading.time + DAY]

    drill.until(lambda: len(since()) >= 6)
    assert all(t.stage == "live" and isinstance(t.outcome, Written) for t in since())
    numbers = [t.number for t in drill.journalled()]
    assert numbers == list(range(len(numbers)))
    assert drill.sign().stage == "live"
    assert not drill.empty()
    drill.told(row, "stays live: decides and writes on in every step", None)
    drill.end()


# -- what is on the disk


@needs_root
def test_disk_full(drill: Drill, row: str) -> None:
    drill.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(drill.state)], check=True)
    try:
        drill.live()
        drill.mark()
        with pytest.raises(OSError, match="No space left"):
            fill(drill.state / "ballast")
        took = drill.until(drill.empty)
        drill.told(row, "handed over", took)
        drill.steps(2)
        assert drill.empty()
        assert "authority must go back: " in drill.processes[-1].text  # the journal or the lease, whichever came first
        drill.end()
    finally:
        drill.kill()
        subprocess.run(["umount", "-l", str(drill.state)], check=True)


def test_journal_locked(drill: Drill, row: str) -> None:
    drill.live()
    with closing(sqlite3.connect(journal_of(drill), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        drill.mark()
        handed_over(drill, row, "the journal does not take")
        other.execute("ROLLBACK")
    drill.end()


def test_bundle_corrupt(drill: Drill, row: str) -> None:
    bundle = drill.folder / "bundle"
    save_bundle(bundle, BUILDING, weights(), SOURCE)
    content = bytearray((bundle / "weights.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "weights.npz").write_bytes(content)
    controller = drill.start("live", str(bundle), "--site", str(drill.site_file), "--port", "0")
    assert controller.wait() == 2
    assert "SHA-256 differs" in controller.text
    assert drill.empty()
    drill.told(row, "refused before anything is written", None)
    drill.end()


def test_hot_change_bad(drill: Drill, row: str) -> None:
    limits = drill.folder / "operator.yaml"
    limits.write_text(f"limits: {{{SUPPLY}: {{high: 21}}}}\n")
    controller = drill.live("outdoor-reset", "--operator", str(limits))
    limits.write_text(f"limits: {{{SUPPLY}: {{high: 99}}}}\n")
    controller.wait_for("operator's file refused, what was fixed before stays")
    drill.steps(3)
    assert drill.sign().stage == "live"
    assert max(value for name, value in drill.occupied().items() if name.startswith(SUPPLY)) <= 21.0
    drill.told(row, "refused; what was fixed before stays in force", None)
    drill.end()


def test_controller_not_promoted(drill: Drill, row: str) -> None:
    controller = drill.start("live", "constant", "--site", str(drill.site_file), "--port", "0")
    assert controller.wait() == 2
    assert "is of another controller" in controller.text
    assert drill.empty()
    drill.told(row, "refused before anything is written", None)
    drill.end()


def test_every_write_was_ours_at_our_priority(drill: Drill) -> None:
    drill.set(journal={"file_days": 1e-9})
    drill.live()
    drill.steps(4)
    assert len(found(drill.state / "journal")) > 4, "kept as the site file says"
    written = [w for w in drill.written() if w[1] in {p.name for p in BUILDING.setpoints}]
    assert {priority for _, _, priority, _ in written} == {"10"}
    assert drill.end()["writes"]["refused"] == 0

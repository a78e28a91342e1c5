"""The watchdog on a real bus, as a process that is started beside a controller; and a person's word to that one."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import SiteError, UserError
from airhandler.deploy.journal_rows import files
from airhandler.deploy.signs import ControllerSign, WatchdogSign
from airhandler.deploy.site_file import SiteSettings, load_site
from airhandler.deploy.state import StateFolder
from airhandler.deploy.watch_site import LOG_FILE, reach, start_watchdog, unwatched, watch_site
from tests.deploy.bacnet_device import Device, device, site_text
from tests.deploy.process import PATIENCE_S, Airhandler
from tests.deploy.scenes import SUPPLY
from tests.deploy.test_session import Scene

VALIDITY_S, SLOT = 3.0, 10

CONTROLLER = """
import sys, time
from pathlib import Path
from airhandler.deploy.connectors.bus import connect_bus
from airhandler.deploy.site_file import load_site
from airhandler.deploy.state import StateFolder
from airhandler.deploy.watch_site import start_watchdog
from airhandler.buildings.points import Setpoints
settings = load_site(Path(sys.argv[1]))
state = StateFolder(settings.state)
with state.lock() as lock:
    start_watchdog(settings)
    writer = connect_bus(settings).writer
    state.lease.take(float(sys.argv[2]), token=lock.holder.token, site_file=settings.path)
    wanted = Setpoints({p.name: (p.low + p.high) / 2 for p in settings.building.setpoints})
    while state.lease.renew() and state.watched():
        if state.lease.holds():
            writer.write(wanted)
        print("wrote", flush=True)
        time.sleep(0.3)
    print("stands down", flush=True)
    writer.relinquish()
    state.lease.release()
"""


@pytest.fixture
def bus() -> Iterator[Device]:
    with device(find_building("datacentre-dx")) as made:
        yield made


def site_file(folder: Path, bus: Device, **changes: object) -> Path:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(site_text(bus, **changes)))
    return path


@pytest.fixture
def settings(tmp_path: Path, bus: Device) -> SiteSettings:
    return load_site(site_file(tmp_path, bus))


def is_empty(bus: Device) -> bool:
    return all(bus.slot(p.name, SLOT) is None for p in bus.building.setpoints)


def wait_until(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.01)


@pytest.fixture
def controller(settings: SiteSettings) -> Iterator[subprocess.Popen[str]]:
    """One that writes to the bus, with a watchdog that it has started."""
    words = [sys.executable, "-c", CONTROLLER, str(settings.path), str(VALIDITY_S)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == "wrote\n"
        yield process
        process.kill()
    wait_until(lambda: StateFolder(settings.state).holder("watchdog") is None)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_silent_controller_leaves_nothing_on_the_bus(
    number: signal.Signals, controller: subprocess.Popen[str], bus: Device, settings: SiteSettings
) -> None:
    assert not is_empty(bus)
    controller.send_signal(number)
    wait_until(lambda: is_empty(bus))
    assert "giving everything back" in (settings.state / LOG_FILE).read_text()


@pytest.mark.slow
def test_controller_stands_down_where_its_watchdog_is_gone(
    controller: subprocess.Popen[str], bus: Device, settings: SiteSettings
) -> None:
    watchdog = StateFolder(settings.state).holder("watchdog")
    assert watchdog is not None
    os.kill(watchdog.pid, signal.SIGKILL)
    assert controller.stdout is not None
    assert "stands down\n" in list(controller.stdout)
    assert controller.wait(PATIENCE_S) == 0
    assert is_empty(bus)


@pytest.mark.slow
def test_what_stands_on_the_bus_without_a_controller_is_given_back(
    airhandler: type[Airhandler], bus: Device, settings: SiteSettings
) -> None:
    bus.command(SUPPLY, SLOT, 21.0)
    StateFolder(settings.state).journal.append("write", {"setpoints": {SUPPLY: 21.0}})
    bus.command(SUPPLY, SLOT + 1, 22.0)
    process = airhandler("watchdog", str(settings.path))
    process.wait_for("no controller is in charge, but east_supply_air_temp_setpoint_c stand as written by us")
    wait_until(lambda: is_empty(bus))
    assert bus.slot(SUPPLY, SLOT + 1) == 22.0, "what others wrote is theirs"
    process.wait_for("ready: the site is reached")
    assert process.end(signal.SIGTERM) == 0
    assert "Traceback" not in process.text


@pytest.mark.slow
def test_log_that_nobody_reads_keeps_nothing_in_force(bus: Device, settings: SiteSettings) -> None:
    bus.command(SUPPLY, SLOT, 21.0)
    StateFolder(settings.state).journal.append("write", {"setpoints": {SUPPLY: 21.0}})
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"\n")
    os.set_blocking(writer, True)  # from here on a line waits until somebody reads
    words = [sys.executable, "-m", "airhandler", "watchdog", str(settings.path)]
    process = subprocess.Popen(words, stderr=writer)
    try:
        wait_until(lambda: is_empty(bus))
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)


@pytest.mark.slow
def test_watchdog_keeps_its_journal_as_the_site_file_says(
    airhandler: type[Airhandler], bus: Device, tmp_path: Path
) -> None:
    settings = load_site(site_file(tmp_path, bus, journal={"file_days": 1e-9}))
    bus.command(SUPPLY, SLOT, 21.0)
    StateFolder(settings.state).journal.append("write", {"setpoints": {SUPPLY: 21.0}})
    airhandler("watchdog", str(settings.path)).wait_for("ready: the site is reached")
    assert len(files(settings.state / "watchdog-journal")) > 1


@pytest.mark.slow
def test_second_watchdog_is_one_line(airhandler: type[Airhandler], settings: SiteSettings) -> None:
    first = airhandler("watchdog", str(settings.path))
    first.wait_for("ready: the site is reached")
    second = airhandler("watchdog", str(settings.path))
    assert second.wait() == 2
    assert "a watchdog of this site runs already" in second.text.splitlines()[-1]
    assert "Traceback" not in second.text


def test_site_where_nothing_may_be_written_needs_no_watchdog(tmp_path: Path, bus: Device) -> None:
    with pytest.raises(UserError, match="nothing that a watchdog could give back"):
        watch_site(load_site(site_file(tmp_path, bus, write=[])))


@pytest.mark.slow
def test_watchdog_that_cannot_start_is_said_with_where_its_log_is(settings: SiteSettings) -> None:
    settings.path.write_text("nonsense")
    with pytest.raises(UserError, match=r"the watchdog ended before it was ready: see .*watchdog\.log"):
        start_watchdog(settings)
    assert "site.yaml" in (settings.state / LOG_FILE).read_text()


@pytest.mark.slow
def test_watchdog_of_another_site_file_does_not_do(
    airhandler: type[Airhandler],
    settings: SiteSettings,
    tmp_path: Path,
    bus: Device,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = airhandler("watchdog", str(settings.path))
    first.wait_for("ready: the site is reached")
    start_watchdog(settings)
    assert unwatched(settings)() is None
    more = load_site(site_file(tmp_path, bus, write=list(settings.file.write[:1])))
    assert unwatched(more)() is not None, "it would not know what to give back"
    with pytest.raises(UserError, match=r"the watchdog \(process \d+\) was started with another content"):
        start_watchdog(more, patience_s=1)
    assert re.search(r"waiting up to 1 s: .*was started with another content", caplog.text)
    assert unwatched(load_site(site_file(tmp_path, bus, lease_steps=5)))() is None, "this changes nothing of that"


@pytest.mark.parametrize("becomes", ["file", "nothing"])
def test_folder_of_orders_that_breaks_is_a_reason_and_no_end_of_the_loop(becomes: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    state, orders = scene.folder, scene.folder.path / "orders"
    scene.watching = unwatched(scene.site)

    def between_two_steps() -> None:
        state.signs.put_watchdog(sign.model_copy(update={"at_s": state.signs.now_s()}))
        if len(scene.ticks) == 2:
            orders.rmdir()
            if becomes == "file":
                orders.write_text("")
        scene.session.attend()

    signs = state.signs
    sign = WatchdogSign(pid=1, ready=True, reach=reach(scene.site), at_s=signs.now_s(), boot=signs.boot)
    signs.put_watchdog(sign)
    scene.after = between_two_steps
    with state.lock("watchdog"):
        scene.run(*[None] * 4)
    assert scene.wrote == [True, True, False, False]
    assert scene.bus.relinquished == 1
    reason = scene.session.handover.reason
    assert reason is not None
    assert reason.words.startswith(f"authority must go back: people cannot be heard: {orders}: orders cannot be read")
    assert orders.exists() == (becomes == "file"), "who asks whether somebody watches makes nothing"


def test_nobody_who_watches_is_said_with_what_to_do(settings: SiteSettings) -> None:
    StateFolder(settings.state)
    assert unwatched(settings)() == f"the watchdog is gone, or silent: `airhandler watchdog {settings.path}`"


@pytest.mark.slow
def test_watchdog_that_reaches_no_site_is_not_ready(settings: SiteSettings, bus: Device) -> None:
    bus.do(lambda: setattr(bus.app, "silent", True))
    with pytest.raises(SiteError, match="the watchdog is not ready after 3 s"):
        start_watchdog(settings, patience_s=3)
    wait_until(lambda: StateFolder(settings.state).holder("watchdog") is None)


@pytest.mark.parametrize("said", [{"INVOCATION_ID": "1"}, {"NOTIFY_SOCKET": "/run/notify"}])
def test_service_starts_no_watchdog_that_would_die_with_it(
    said: dict[str, str], settings: SiteSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SYSTEMD_EXEC_PID", raising=False)
    with pytest.raises(SiteError, match="no watchdog runs: systemctl start airhandler-watchdog@site"):
        start_watchdog(settings, patience_s=0.2)
    assert not (settings.state / LOG_FILE).exists()


@pytest.mark.slow
def test_terminal_that_a_service_has_started_is_no_service(
    settings: SiteSettings, bus: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "1")
    monkeypatch.setenv("SYSTEMD_EXEC_PID", "1")
    bus.do(lambda: setattr(bus.app, "silent", True))
    with pytest.raises(SiteError, match="the watchdog is not ready after 2 s"):
        start_watchdog(settings, patience_s=2)
    wait_until(lambda: StateFolder(settings.state).holder("watchdog") is None)


def said(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "airhandler", *words], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_order_reaches_the_controller_that_runs(settings: SiteSettings) -> None:
    state, site = StateFolder(settings.state), str(settings.path)
    alone = said("order", site, "reset")
    assert alone.returncode == 2
    assert "no controller runs on this site: nobody would take the order `reset`" in alone.stderr
    with state.lock() as lock:
        for words in (("give-back", "--over", "1h"), ("accept", "--for", "30min")):
            done = said("order", site, *words)  # nobody answers here: it was given, and that is no success yet
            assert done.returncode == 2
            assert "and not answered: it is taken when its step ends" in done.stderr
        taken = state.orders.take(lock.holder.token)
    assert [(order.kind, order.seconds) for order in taken] == [("give-back", 3600.0), ("accept", 1800.0)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("give-back", "--over", "soon"), "--over soon: give a time like 90s, 30min, 1h or 2d"),
        (("accept", "--for", "0h"), "--for 0h: give a time like"),
        (("accept", "--for", "9999999d"), "--for 9999999d: at most 30d"),
        (("reset", "--over", "1h"), "--over is for give-back, not for reset"),
        (("status", "--for", "1h"), "--for is for accept, not for status"),
    ],
)
def test_order_that_makes_no_sense_is_one_line(words: tuple[str, ...], line: str, settings: SiteSettings) -> None:
    done = said("order", str(settings.path), *words)
    assert done.returncode == 2
    assert line in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_status_says_who_is_in_charge_and_why(settings: SiteSettings) -> None:
    state, site = StateFolder(settings.state), str(settings.path)
    nobody = said("order", site, "status")
    assert nobody.returncode == 1
    assert nobody.stdout.splitlines()[0] == "no controller runs on this site"
    assert "watchdog: none is ready, nothing new is written" in nobody.stdout
    with state.lock() as lock:
        assert "it has not taken a step yet" in said("order", site, "status").stdout
        state.signs.put_controller(
            ControllerSign(
                pid=lock.holder.pid,
                token=lock.holder.token,
                site="hall",
                controller="agent",
                stage="fallback",
                in_charge=False,
                tick=7,
                site_time=dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC),
                step_s=900.0,
                why="authority must go back: slot 8",
                notes=("confidence 0.9",),
                at_s=state.signs.now_s(),
                boot=state.signs.boot,
            )
        )
        state.lease.take(VALIDITY_S, token=lock.holder.token, site_file=settings.path)
        state.lease.revoke("silent")
        done = said("order", site, "status")
        found = json.loads(said("order", site, "status", "--json").stdout)
    assert done.returncode == 0
    assert "stage: fallback (agent on hall), not in charge: the building's own control is" in done.stdout
    assert "why: authority must go back: slot 8\n" in done.stdout
    assert "shield: confidence 0.9\n" in done.stdout
    assert "revoked: silent; given back: NOT confirmed yet" in done.stdout
    assert (found["runs"], found["controller"]["tick"], found["revoked"]["given_back"]) == (True, 7, False)

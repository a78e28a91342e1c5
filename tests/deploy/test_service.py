"""What runs it as a service: units that systemd takes, files that name what there is, and what systemd is told."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from airhandler.buildings.catalog import find_building
from airhandler.deploy.notify import Notify
from airhandler.deploy.state import StateFolder
from tests.deploy.bacnet_device import device, site_text
from tests.deploy.process import PATIENCE_S, Airhandler

SERVICE = Path(__file__).parents[2] / "deploy" / "service"
UNITS = sorted(SERVICE.glob("*.service"))
INSTALLED = "/opt/airhandler/bin/airhandler"


def _settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if match := re.match(r"([A-Za-z]+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def test_there_is_a_unit_for_each_process() -> None:
    assert [unit.name for unit in UNITS] == ["airhandler-live@.service", "airhandler-watchdog@.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_is_watched_and_may_do_little(unit: Path) -> None:
    settings = _settings(unit)
    assert settings["Type"] == ["notify"]
    assert settings["User"] == ["airhandler"]
    assert "WatchdogSec" in settings
    for name, value in {
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ReadWritePaths": "/var/lib/airhandler",
        "PrivateTmp": "yes",
    }.items():
        assert settings[name] == [value], name
    assert "MemoryMax" in settings
    assert "ProcSubset" not in settings, "the lease needs to know which start of the machine it is"


def test_controller_outlives_a_watchdog_that_is_started_anew() -> None:
    settings = _settings(SERVICE / "airhandler-live@.service")
    assert "airhandler-watchdog@%i.service" in settings["Wants"][0]
    assert "airhandler-watchdog@%i.service" in settings["After"][0]
    assert not {"Requires", "BindsTo", "PartOf"} & set(settings)
    assert _settings(SERVICE / "airhandler-watchdog@.service")["Restart"] == ["always"]


def _help(command: str) -> str:
    words = [sys.executable, "-m", "airhandler", command, "--help"]
    return subprocess.run(words, capture_output=True, text=True, check=True, env={"COLUMNS": "200"}).stdout


def _commands() -> Iterator[tuple[str, list[str]]]:
    for unit in UNITS:
        program, command, *words = shlex.split(_settings(unit)["ExecStart"][0])
        assert program == INSTALLED
        yield command, words
    for service in yaml.safe_load((SERVICE / "compose.yaml").read_text())["services"].values():
        yield service["command"][0], service["command"][1:]


@pytest.mark.slow
def test_every_command_takes_the_options_that_it_is_given() -> None:
    for command, words in _commands():
        known = _help(command)
        for word in words:
            assert not word.startswith("--") or f" {word} " in known, f"{command} {word}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
def test_systemd_takes_the_units_and_finds_them_hardened(tmp_path: Path) -> None:
    for unit in UNITS:  # systemd looks whether the program is there
        (tmp_path / unit.name).write_text(unit.read_text().replace(INSTALLED, sys.executable))
    for name in ("airhandler-live@hall.service", "airhandler-watchdog@hall.service"):
        shutil.copy(tmp_path / f"{name.split('@')[0]}@.service", tmp_path / name)
        for words in (["verify", "--man=no"], ["security", "--offline=true", "--no-pager", "--threshold=20"]):
            done = subprocess.run(
                ["systemd-analyze", *words, f"./{name}"], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stderr == ""


def test_containers_share_what_they_must_and_may_do_little() -> None:
    services = yaml.safe_load((SERVICE / "compose.yaml").read_text())["services"]
    assert set(services) == {"live", "watchdog"}
    for service in services.values():
        assert service["volumes"] == services["live"]["volumes"], "the state folder is one"
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "mem_limit" in service
        assert "privileged" not in service
    assert services["watchdog"]["restart"] == "always"


def test_container_takes_what_is_locked_and_runs_as_nobody_special() -> None:
    text = (SERVICE / "Containerfile").read_text().replace("\\\n", " ")
    root = SERVICE.parents[1]
    for source in re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE):
        assert (root / source).exists(), source
    (installs,) = re.findall(r"pip install[^&\n]*-r \S+", text)
    assert "--require-hashes" in installs
    assert "requirements/core.lock" in installs
    final = text.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER airhandler$", final, re.MULTILINE)
    assert 'ENTRYPOINT ["airhandler"]' in final


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        yield listening


def test_systemd_is_told_what_it_wants_to_know(systemd: socket.socket) -> None:
    notify = Notify(systemd.getsockname(), "30000000")
    notify.ready()
    notify.alive("all\nis well")
    notify.stopping()
    assert [systemd.recv(1000) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1\nSTATUS=all is well", b"STOPPING=1"]


def test_abstract_name_is_one_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0airhandler-test-notify")
        listening.settimeout(PATIENCE_S)
        Notify("@airhandler-test-notify").ready()
        assert listening.recv(100) == b"READY=1"


def test_nobody_is_told_where_nobody_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notify(None).ready()
    gone = Notify(str(tmp_path / "gone"))
    gone.ready()
    gone.stopping()
    assert caplog.text.count("systemd cannot be told") == 1


def test_environment_is_for_this_process_alone(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    Notify.of_environment().alive("fine")
    assert systemd.recv(100) == b"STATUS=fine", "its watchdog is for another process"
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)


@pytest.mark.slow
def test_watchdog_tells_systemd_as_it_goes(
    systemd: socket.socket, airhandler: type[Airhandler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    with device(find_building("datacentre-dx")) as bus:
        (tmp_path / "site.yaml").write_text(yaml.safe_dump(site_text(bus)))
        process = airhandler("watchdog", str(tmp_path / "site.yaml"))
        told = [systemd.recv(1000)]
        while told.count(b"WATCHDOG=1\nSTATUS=nothing to give back") < 2:
            told.append(systemd.recv(1000))
        assert b"READY=1" in told
        assert process.end(signal.SIGTERM) == 0
        while (last := systemd.recv(1000)) != b"STOPPING=1":
            told.append(last)


@pytest.mark.slow
def test_controller_tells_systemd_in_every_step(
    systemd: socket.socket, airhandler: type[Airhandler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    with device(find_building("datacentre-dx")) as bus:
        (tmp_path / "site.yaml").write_text(yaml.safe_dump(site_text(bus, stage="advisory")))
        process = airhandler("live", "outdoor-reset", "--site", str(tmp_path / "site.yaml"), "--port", "0")
        assert systemd.recv(1000) == b"READY=1"
        assert re.fullmatch(rb"WATCHDOG=1\nSTATUS=(advisory|fallback), tick 0", systemd.recv(1000))
        assert process.end(signal.SIGTERM) == 0, process.text
        assert systemd.recv(1000) == b"STOPPING=1", "nothing came from the watchdog that it has started"
    wait_until(lambda: StateFolder(tmp_path / "hall.state").holder("watchdog") is None)


def wait_until(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.05)

"""`airhandler twin` as a process: what it serves, leaves behind, and says to a user who is mistaken."""

from __future__ import annotations

import csv
import json
import signal
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from bacpypes3.primitivedata import Real

from airhandler.buildings.errors import UserError
from airhandler.buildings.model import Period
from airhandler.buildings.weather import find_weather
from airhandler.control.evaluate import evaluate
from airhandler.control.table import TickTable
from airhandler.deploy.loop_thread import LoopThread
from airhandler.deploy.site_file import load_site
from airhandler.deploy.stop import Stop
from airhandler.deploy.twin import TwinSettings, run_twin
from airhandler.deploy.twin_control import ask, truth
from airhandler.deploy.twin_drill import PANEL
from airhandler.deploy.twin_pace import Pace
from airhandler.deploy.twin_servers import Address
from airhandler.deploy.twin_site_file import zone_name
from tests.deploy.process import Airhandler
from tests.deploy.twins import BUILDING, FREE, INLET, SUPPLY, AnsweredError, Client, patiently

AT_ONCE = 1e7  # times real time: as fast as the machine can


def _settings(folder: Path, **changed: Any) -> TwinSettings:
    return TwinSettings(
        **{
            "building": BUILDING.id,
            "out": folder / "twin",
            "bacnet": FREE,
            "speed": AT_ONCE,
            "start": (7, 1),
            "days": 1,
            **changed,
        }
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_left_alone_it_uses_what_the_incumbent_uses(tmp_path: Path) -> None:
    summary = run_twin(_settings(tmp_path))
    known = evaluate(None, BUILDING, find_weather("chicago"), Period(start=(7, 1), days=1)).kpis
    assert summary == json.loads((tmp_path / "twin/summary.json").read_text())
    decides = {name for name in summary["kpis"] if name.startswith("decide")}  # nobody decides in a twin
    assert decides
    assert [summary["kpis"][n] for n in summary["kpis"] if n not in decides] == [
        value for name, value in known.to_dict().items() if name not in decides
    ]
    assert (summary["steps"], summary["steps_commanded"], summary["why"]) == (96, 0, "the period is over")
    assert len(TickTable.load(tmp_path / "twin/ticks.npz")) == 97
    assert len(_rows(tmp_path / "twin/steps.csv")) == 97


def test_site_file_names_every_point_where_it_is(tmp_path: Path) -> None:
    site = tmp_path / "north.yaml"
    run_twin(_settings(tmp_path, site_file=site, device=12))
    declared = yaml.safe_load(site.read_text())
    assert declared["building"] == BUILDING.id
    assert (declared["site"], declared["time_zone"], declared["clock"]) == ("north", "Etc/GMT+6", "device")
    assert declared["bacnet"]["device_id"] == 12
    assert declared["points"].keys() == {p.name for p in BUILDING.points}
    assert declared["write"] == [p.name for p in BUILDING.setpoints]
    settings = load_site(site)
    assert (settings.building, len(settings.places)) == (BUILDING, len(BUILDING.points))


def test_site_file_by_modbus_is_written_beside_it_where_that_is_served(tmp_path: Path) -> None:
    run_twin(_settings(tmp_path, site_file=tmp_path / "north.yaml", modbus=FREE))
    first, second = (load_site(tmp_path / name) for name in ("north.yaml", "north-modbus.yaml"))
    told = json.loads((tmp_path / "twin/twin.json").read_text())
    assert second.file.modbus is not None
    assert f"{second.file.modbus.host}:{second.file.modbus.port}" == told["modbus"]
    assert (second.file.site, second.state) == ("north-modbus", tmp_path / "north-modbus.state")
    assert list(second.places) == list(first.places)
    assert [place.point for place in second.writable] == list(BUILDING.setpoints)


def test_a_folder_that_holds_a_run_is_left_alone(tmp_path: Path) -> None:
    run_twin(_settings(tmp_path))
    with pytest.raises(UserError, match="holds an earlier run"):
        run_twin(_settings(tmp_path))


def test_an_address_that_is_taken_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = Address(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(UserError, match="cannot be listened on"):
            run_twin(_settings(tmp_path, bacnet=address))
    assert not (tmp_path / "twin").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"speed": 0.0}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"device": 4194303}, "device"),
        ({"heartbeat_steps": 0}, "heartbeat"),
        ({"incumbent": "nobody"}, "nobody"),
        ({"building": "nowhere"}, "nowhere"),
        ({"days": 400}, "days"),
    ],
)
def test_what_cannot_be_is_a_users_mistake(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_twin(_settings(tmp_path, **changed))
    assert not (tmp_path / "twin").exists()


def test_a_stop_ends_it(tmp_path: Path) -> None:
    stop = Stop()
    stop.ask("enough")
    summary = run_twin(_settings(tmp_path, speed=1.0), stop=stop)
    assert (summary["steps"], summary["why"], summary["kpis"]) == (0, "enough", None)


class Waiting(Stop):
    """Nobody asks for a stop; how long was waited for is kept, and passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s, self.waits_s = 0.0, list[float]()

    def wait(self, seconds: float) -> bool:
        self.waits_s.append(seconds)
        self.now_s += seconds
        return False


def test_steps_are_due_at_even_intervals_whatever_each_takes() -> None:
    stop = Waiting()
    pace = Pace(10.0, lambda: stop.now_s)
    for took_s in (1.0, 4.0, 12.0, 0.0):
        stop.now_s += took_s
        assert pace.wait(stop)
    assert stop.waits_s == [
        9.0,
        6.0,
        8.0,
    ]  # the third was due before it could be waited for, the fourth is not moved by it
    assert pace.late == 0


def test_a_step_that_is_late_is_not_caught_up() -> None:
    stop = Waiting()
    pace = Pace(10.0, lambda: stop.now_s)
    stop.now_s = 75.0
    assert pace.wait(stop)  # at once
    assert (pace.late, stop.waits_s) == (1, [])
    assert pace.wait(stop)
    assert (pace.late, stop.waits_s) == (1, [10.0])


def test_no_step_is_due_after_a_stop() -> None:
    stop = Stop()
    stop.ask("enough")
    assert not Pace(1e-9).wait(stop)
    assert not Pace(3600.0).wait(stop)


@pytest.mark.parametrize(("hours", "name"), [(-6, "Etc/GMT+6"), (9, "Etc/GMT-9"), (0, "Etc/UTC"), (5.5, "+05:30")])
def test_a_fixed_offset_has_a_zone(hours: float, name: str) -> None:
    assert zone_name(timedelta(hours=hours)) == name


def test_process_serves_breaks_and_ends_by_a_signal(airhandler: type[Airhandler], tmp_path: Path) -> None:
    words = ("--bacnet", "127.0.0.1:0", "--speed", "9000", "--start", "07-01", "--out", "twin", "--json")
    process = airhandler("twin", BUILDING.id, *words)  # type: ignore[call-arg]
    process.wait_for("faults: airhandler twin-fault")
    told = json.loads((tmp_path / "twin/twin.json").read_text())
    thread = LoopThread("client")
    client = Client(thread, Address.read(told["bacnet"], ""))
    try:
        assert 0.0 < client.read("analog-input,6") < 60.0
        ask(told["control"], "operator", [SUPPLY, "24"])
        process.wait_for("drill: operator")
        assert client.read("analog-output,1") == 24.0
        with pytest.raises(UserError, match="bogus"):
            ask(told["control"], "bogus", [])
        ask(told["control"], "nan", [INLET])
        real = truth(told["control"])
        assert real["in_force"][SUPPLY] == 24.0
        assert real["faults"] == [f"nan {INLET}"]
        assert 0.0 < real["values"][INLET] < 60.0
        with pytest.raises(AnsweredError, match="write-access-denied"):
            client.write("analog-input,1", Real(3.0))
        ask(told["control"], "operator", [SUPPLY, "23", "10"])  # who has no heartbeat
        process.wait_for("no heartbeat for 4 steps")
        ask(told["control"], "equipment", ["dead-fan-east"])
        assert patiently(lambda: truth(told["control"])["values"]["east_supply_airflow_kg_s"] == 0.0)
    finally:
        client.close()
        thread.close()
    assert process.end(signal.SIGTERM) == 0
    summary = json.loads(process.printed)
    assert summary["why"] == "SIGTERM"
    assert summary["writes"]["by_priority"] == {"10": 1, "8": 1}
    assert (summary["writes"]["by_source"], summary["writes"]["refused"]) == ({PANEL: 2}, 1)
    commanded = [row for row in _rows(tmp_path / "twin/steps.csv") if row[f"{SUPPLY}_priority"]]
    assert summary["steps_commanded"] == len(commanded) > 0
    assert [row["value"] for row in _rows(tmp_path / "twin/writes.csv")] == ["24.0", "3.0", "23.0"]


def test_a_twin_that_waits_begins_when_it_is_asked(airhandler: type[Airhandler], tmp_path: Path) -> None:
    words = ("--bacnet", "127.0.0.1:0", "--speed", str(AT_ONCE), "--days", "1", "--out", "twin", "--wait")
    process = airhandler("twin", BUILDING.id, *words)  # type: ignore[call-arg]
    process.wait_for("faults: airhandler twin-fault")
    told = json.loads((tmp_path / "twin/twin.json").read_text())
    assert truth(told["control"])["steps"] == 0
    thread = LoopThread("client")
    client = Client(thread, Address.read(told["bacnet"], ""))
    try:
        assert client.who_is()
    finally:
        client.close()
        thread.close()
    assert process.wait() == 0
    assert json.loads((tmp_path / "twin/summary.json").read_text())["steps"] == 96


def test_mistakes_on_the_command_line_are_one_line(airhandler: type[Airhandler]) -> None:
    for words in (
        ("twin", BUILDING.id, "--bacnet", "here"),
        ("twin", BUILDING.id, "--start", "13-01"),
        ("twin-fault", "http://127.0.0.1:1", "silent", "1"),
        ("twin-fault", "here", "silent"),
    ):
        process = airhandler(*words)  # type: ignore[call-arg]
        assert process.wait() == 2
        assert process.text.count("\n") == 1, process.text


def test_faults_are_listed(airhandler: type[Airhandler]) -> None:
    process = airhandler("twin-fault", "anywhere", "list")  # type: ignore[call-arg]
    assert process.wait() == 0
    assert "restart [SECONDS]" in process.printed

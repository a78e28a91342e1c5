"""The site file: strict, with the path of every error, and nothing in it that could strand a building."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from airhandler.buildings.errors import UserError
from airhandler.deploy.journal import Keeping
from airhandler.deploy.site_file import load_site

SUPPLY, INLET = "east_supply_air_temp_setpoint_c", "east_inlet_temp_c"
GOOD: dict[str, Any] = {
    "site": "north-hall",
    "building": "datacentre-dx",
    "time_zone": "America/Chicago",
    "stage": "live",
    "bacnet": {"device": "127.0.0.1:47808", "device_id": 4711},
    "points": {INLET: {"object": "analog-input,1"}, SUPPLY: {"object": "analog-output,1"}},
    "write": [SUPPLY],
}
MODBUS: dict[str, Any] = {
    **GOOD,
    "modbus": {"host": "127.0.0.1", "port": 5020, "enable": "coil,0"},
    "authority": {"ramp_days": 0},
    "points": {INLET: {"register": "input,0"}, SUPPLY: {"register": "holding,0", "type": "int16", "scale": 0.1}},
}
del MODBUS["bacnet"]


def _write(folder: Path, text: object) -> Path:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(text))
    return path


def _changed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy in which one field is something else; a path is `bacnet.priority`."""
    made: dict[str, Any] = yaml.safe_load(yaml.safe_dump(base))
    *parents, last = path.split(".")
    target = made
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value
    return made


def test_site_is_its_file_and_its_building(tmp_path: Path) -> None:
    made = load_site(_write(tmp_path, GOOD))
    assert made.building.id == "datacentre-dx"
    assert [p.point.name for p in made.writable] == [SUPPLY]
    assert {name: place.where for name, place in made.places.items()} == {
        INLET: "analog-input,1",
        SUPPLY: "analog-output,1",
    }
    assert made.state == tmp_path / "north-hall.state"
    assert made.promotion is None
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    assert summer.astimezone(made.zone).utcoffset() == timedelta(hours=-5)


def test_what_is_not_said_is_cautious(tmp_path: Path) -> None:
    bare = {key: GOOD[key] for key in ("site", "building", "time_zone", "bacnet", "points")}
    file = load_site(_write(tmp_path, bare)).file
    assert (file.stage, file.write, file.clock, file.speed, file.lease_steps) == ("shadow", (), "machine", 1.0, 3)
    assert file.bacnet is not None
    assert (file.bacnet.address, file.bacnet.priority, file.bacnet.batch) == ("127.0.0.1", 10, 20)


def test_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    folders = {"state": "state/hall", "promotion": "runs/promotion.json", "trusted_key": "keys/training.pub"}
    made = load_site(_write(tmp_path, {**GOOD, **folders}))
    assert (made.state, made.promotion) == (tmp_path / "state/hall", tmp_path / "runs/promotion.json")
    assert made.trusted_key == tmp_path / "keys/training.pub"


def test_journal_is_kept_as_the_file_says(tmp_path: Path) -> None:
    assert load_site(_write(tmp_path, GOOD)).file.journal.keeping == Keeping()
    made = load_site(_write(tmp_path, {**GOOD, "journal": {"file_mb": 8, "keep_days": 400}}))
    assert made.file.journal.keeping == Keeping(file_mb=8.0, keep_days=400.0)


def test_modbus_that_is_only_watched_needs_no_word_of_authority(tmp_path: Path) -> None:
    text = {**MODBUS, "stage": "shadow", "write": []}
    del text["authority"]
    assert load_site(_write(tmp_path, text)).file.write == ()


def test_own_building_file_is_found_beside_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("base: datacentre-dx\nid: mine\n")
    made = load_site(_write(tmp_path, {**GOOD, "building": "mine.yaml"}))
    assert (made.building.id, made.building.path) == ("mine", (tmp_path / "mine.yaml").resolve())


@pytest.mark.parametrize("priority", [1, 7, 8])
def test_priorities_of_others_are_refused_with_the_reason(tmp_path: Path, priority: int) -> None:
    with pytest.raises(UserError, match=r"bacnet.priority: priority .* refused: 1 to 8 belong to life safety"):
        load_site(_write(tmp_path, _changed(GOOD, "bacnet.priority", priority)))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("bacnet.priority", 15, "the building's own control writes there"),
        ("bacnet.priority", 0, "refused"),
        ("bacnet.priority", True, "bacnet.priority"),
        ("bacnet.device", "hall.example:47808", r"bacnet.device: must be an IPv4 address and a port"),
        ("bacnet.device", "127.0.0.1:0", "port '0'"),
        ("bacnet.timeout_s", 0, "bacnet.timeout_s"),
        ("bacnet.timeout_s", float("nan"), "bacnet.timeout_s"),
        ("bacnet.retries", 100, "bacnet.retries"),
        ("bacnet.secret", 1, "bacnet.secret"),
        ("bacnet.device_id", 4194303, "bacnet.device_id"),
        ("speed", 60, "needs 'clock: device'"),
        ("speed", 0, "speed"),
        ("stage", "shadow", "with stage shadow nothing may be written"),
        ("stage", "observe", "with stage observe nothing may be written"),
        ("stage", "fallback", "stage"),
        ("time_zone", "Mars/Olympus", "time_zone: is not known"),
        ("time_zone", "+99:00", "time_zone"),
        ("time_zone", "-6", "must be like -06:00"),
        ("site", "north hall", "site"),
        ("site", "../hall", "site"),
        ("write", [SUPPLY, SUPPLY], "stands twice"),
        ("write", ["west_supply_air_temp_setpoint_c"], "is not in points"),
        ("write", [INLET], "analog-input,1 cannot be commanded"),
        ("heartbeat", "analog-input,5", "heartbeat 'analog-input,5': cannot be written"),
        ("heartbeat", "kettle", "heartbeat 'kettle'"),
        ("lease_steps", 1, "lease_steps"),
        ("authority.ramp_days", -1, "authority.ramp_days"),
        ("journal.keep_days", 0, "journal: keep_days 0.0: must be above 0"),
        ("journal.file_mb", float("nan"), "journal: file_mb nan: must be above 0"),
        ("journal.keep", 1, "journal.keep"),
        ("points", {}, "points"),
        (f"points.{INLET}.object", "analog-input", f"points.{INLET}.object: must be like analog-input,1"),
        (f"points.{INLET}.object", "schedule,1", f"points.{INLET}.object: must be like analog-input,1"),
        (f"points.{INLET}.object", "analog-input,4194303", "must be at most"),
        (f"points.{INLET}.object", "analog-output,1", "is east_inlet_temp_c already|analog-output,1 is"),
        (f"points.{INLET}.unit", "furlong", f"points.{INLET}: unit 'furlong' cannot be converted to degC; known: degC"),
        (f"points.{INLET}.scale", 0, "scale"),
        (f"points.{INLET}.resolution", -1, "resolution"),
        (f"points.{INLET}.register", "input,0", "give either 'object'"),
        ("points.no_such_point", {"object": "analog-input,7"}, "points.no_such_point: datacentre-dx: no point"),
        ("modbus", {"host": "127.0.0.1"}, "give either 'bacnet' or 'modbus'"),
    ],
)
def test_mistake_is_one_line_that_names_the_file_and_the_field(
    tmp_path: Path, field: str, value: Any, words: str
) -> None:
    path = _write(tmp_path, _changed(GOOD, field, value))
    with pytest.raises(UserError, match=words) as caught:
        load_site(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("modbus.host", "127.0.0.1:502", "its port is another field"),
        ("modbus.enable", None, "the coil by which the device takes its authority back"),
        ("modbus.enable", "holding,0", "must be a coil"),
        ("authority.ramp_days", 0.5, "authority.ramp_days: must be given as 0 where Modbus is written"),
        ("authority", {}, "authority.ramp_days: must be given as 0 where Modbus is written"),
        ("clock", "device", "needs modbus.clock"),
        (f"points.{SUPPLY}.register", "input,9", "input,9 cannot be written"),
        (f"points.{INLET}.register", "input", "must be like input,0"),
        (f"points.{INLET}.register", "input,65536", "must be at most 65535"),
        (f"points.{INLET}.type", "float16", f"points.{INLET}.type"),
        ("heartbeat", "input,7", "must be a holding register"),
    ],
)
def test_mistake_on_modbus_is_told_too(tmp_path: Path, field: str, value: Any, words: str) -> None:
    load_site(_write(tmp_path, MODBUS))
    with pytest.raises(UserError, match=words):
        load_site(_write(tmp_path, _changed(MODBUS, field, value)))


def test_a_sensor_is_never_written_wherever_it_is(tmp_path: Path) -> None:
    text = _changed(GOOD, f"points.{INLET}.object", "analog-value,1")
    with pytest.raises(UserError, match=f"write: {INLET} is a sensor of datacentre-dx, not a set-point"):
        load_site(_write(tmp_path, {**text, "write": [INLET]}))


@pytest.mark.parametrize("content", ["", "- 1", "a: [", "\x00"])
def test_file_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=str(path)):
        load_site(path)


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_site(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("stge", "live", "stge: is no field here; did you mean `stage`?"),
        ("lease_step", 3, "lease_step: is no field here; did you mean `lease_steps`?"),
        ("bacnet.prority", 10, "bacnet.prority: is no field here; did you mean `priority`?"),
        ("authority.rampdays", 1, "authority.rampdays: is no field here; did you mean `ramp_days`?"),
        (f"points.{INLET}.objct", "analog-input,1", f"points.{INLET}.objct: is no field here; did you mean `object`?"),
        (f"points.{INLET}.unit", "DEGf", "known: degC, degF, K; did you mean `degF`?"),
        ("points.east_inlet_tmp_c", {"object": "analog-input,7"}, "nearest: east_inlet_temp_c"),
        ("stage", "liv", "(got 'liv'); did you mean `live`?"),
        ("write", ["east_suply_air_temp_setpoint_c"], f"is not in points; did you mean `{SUPPLY}`?"),
        ("time_zone", "America/Chicgo", "did you mean `America/Chicago`?"),
        ("kettle", 1, "kettle: is no field here; there are site, building, time_zone,"),
    ],
)
def test_slip_gets_the_nearest_right_name_and_its_place(tmp_path: Path, field: str, value: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        load_site(_write(tmp_path, _changed(GOOD, field, value)))
    assert told in str(caught.value)


def test_what_is_missing_or_of_another_shape_is_told_in_our_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"site.yaml: building: is missing$"):
        load_site(_write(tmp_path, {name: value for name, value in GOOD.items() if name != "building"}))
    with pytest.raises(UserError, match=r"bacnet: must be fields with values, `name: value` each \(got 'kettle'\)"):
        load_site(_write(tmp_path, {**GOOD, "bacnet": "kettle"}))


@pytest.mark.parametrize("name", ["year.csv", "year.parquet", "notes.txt", "world.yaml"])
def test_file_that_is_no_site_file_is_told_what_was_expected(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("time: 1\n")
    with pytest.raises(UserError) as caught:
        load_site(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "a site file is wanted, YAML like examples/site.yaml" in said
    assert ("airhandler shadow CONTROLLER --site" in said) == (name.startswith("year"))
    assert "SiteFile" not in said


def test_field_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("stage: shadow\nsite: hall\nstage: live\n")
    with pytest.raises(UserError, match=r"site\.yaml: .*`stage` stands twice, in lines 1 and 3"):
        load_site(path)
    path.write_text("site: hall\nbacnet: {device_id: 1, device_id: 2}\n")
    with pytest.raises(UserError, match="`device_id` stands twice, in lines 2 and 2"):
        load_site(path)
    path.write_text("site: hall\npoints:\n  a: &same {unit: K}\n  b: {<<: *same, unit: degF}\n")
    with pytest.raises(UserError, match="building: is missing"):
        load_site(path)  # what `<<` brings may be said anew


def test_building_that_is_not_known_is_said_with_the_file_and_the_field(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    text = yaml.safe_load(Path("examples/site.yaml").read_text()) | {"building": "datacentre-dxx"}
    path.write_text(yaml.safe_dump(text))
    with pytest.raises(UserError, match=r"site\.yaml: building: .*datacentre-dxx"):
        load_site(path)

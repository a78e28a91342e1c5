"""The benchmark of a control step: what it says is of what was run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airhandler.buildings.catalog import find_building
from airhandler.buildings.errors import UserError
from airhandler.buildings.points import Setpoints
from airhandler.deploy.bench_live import bench_live
from airhandler.deploy.paper_hall import PaperHall


def test_every_cycle_is_decided_and_kept(tmp_path: Path) -> None:
    seen: list[int] = []
    result = bench_live("outdoor-reset", "datacentre-dx", cycles=100, folder=tmp_path, progress=seen.append)
    assert seen == list(range(1, 101))
    assert (result["cycles"], result["rows"], result["broken"]) == (100, 101, None)
    assert sum(result["verdicts"].values()) == 100
    assert "rejected" not in result["verdicts"], "the shield trusts the hall on paper"
    for name in ("decide", "journal", "lease"):
        assert 0 < result[f"{name}_p50_ms"] <= result[f"{name}_p99_ms"] <= result[f"{name}_max_ms"]
    assert result["bytes_per_tick"] > 500
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_building_without_servers_is_refused() -> None:
    with pytest.raises(UserError, match="needs a data centre"):
        bench_live("trim-respond", "office-medium", cycles=100, folder=None)
    with pytest.raises(UserError, match="one who proposes"):
        bench_live("stock", "datacentre-dx", cycles=100, folder=None)


def test_memory_is_that_of_this_process() -> None:
    # In a process of its own: one that has let go of so much before takes it from there.
    code = """
from airhandler.deploy.bench_live import resident_mb
before_mb = resident_mb()
held = bytearray(b"a") * 50_000_000
print(resident_mb() - before_mb)
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert 45 < float(said) < 60


def test_paper_hall_answers_its_setpoints() -> None:
    building = find_building("datacentre-dx")
    hall = PaperHall(building, steps=3)
    own = hall.read()
    assert all(p.low <= (own.get(p.name) or p.low) <= p.high for p in building.points)
    warm = Setpoints({p.name: 24.0 if p.unit == "degC" else 5.0 for p in building.setpoints})
    hall.write(warm)
    assert hall.read()["east_supply_air_temp_c"] == pytest.approx(24.0, abs=0.5)
    hall.relinquish()
    assert hall.read()["east_supply_air_temp_c"] == pytest.approx(own["east_supply_air_temp_c"], abs=0.5)


@pytest.mark.slow
def test_command_prints_what_was_measured(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "airhandler",
        "bench",
        "live",
        "--cycles",
        "500",
        "--json",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    result = json.loads(done.stdout)
    assert done.returncode == (0 if result["growth_mb"] <= 4.0 else 1), done.stderr
    assert result["rows"] == 501

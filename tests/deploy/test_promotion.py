"""Promotion: what live asks for before it writes. One of something else, changed or failed is refused, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from airhandler.buildings.catalog import with_world
from airhandler.buildings.errors import UserError
from airhandler.buildings.world import World
from airhandler.control.identity import building_sha256, controller_sha256
from airhandler.control.promotion import Check, Promotion, content_sha256, write_promotion
from airhandler.deploy.promotion import load_promotion
from tests.deploy import scenes
from tests.deploy.scenes import building

PASSED = Check(name="length", passed=True, evidence="14.0 days", wanted="7 days at least")
FAILED = Check(name="savings", passed=False, evidence="-3 kWh saved", wanted="more than nothing")
HASH = controller_sha256("outdoor-reset", building())


def _promotion(*checks: Check) -> Promotion:
    return Promotion(
        site="north-hall",
        building=building().reference,
        building_sha256=building_sha256(building()),
        controller="outdoor-reset",
        controller_sha256=HASH,
        begin="2026-07-01T00:00:00+00:00",
        end="2026-07-15T00:00:00+00:00",
        checks=checks,
        created="2026-07-15T01:00:00+00:00",
    )


def _written(path: Path, *checks: Check) -> Path:
    write_promotion(path, _promotion(*checks))
    return path


def test_one_that_passed_is_taken(tmp_path: Path) -> None:
    path = _written(tmp_path / "p.json", PASSED)
    assert load_promotion(path, site="north-hall", building=building(), bundle_hash=HASH) == _promotion(PASSED)


@pytest.mark.parametrize(("checks", "words"), [((PASSED, FAILED), "savings: -3 kWh saved"), ((), "it has no lines")])
def test_one_that_fails_is_refused_with_its_lines(tmp_path: Path, checks: tuple[Check, ...], words: str) -> None:
    with pytest.raises(UserError, match=f"does not pass: {words}"):
        load_promotion(_written(tmp_path / "p.json", *checks), site="north-hall", building=building(), bundle_hash=HASH)


def test_one_of_something_else_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "p.json", PASSED)
    with pytest.raises(UserError, match=r"another site .*north-hall, here south-hall"):
        load_promotion(path, site="south-hall", building=building(), bundle_hash=HASH)
    dear = with_world(building(), World.model_validate_json('{"tariff_usd_per_kwh": {"kind": "flat", "value": 0.2}}'))
    with pytest.raises(UserError, match="another building file"):
        load_promotion(path, site="north-hall", building=dear, bundle_hash=HASH)
    other = controller_sha256("trim-respond", building())
    with pytest.raises(UserError, match="another controller"):
        load_promotion(path, site="north-hall", building=building(), bundle_hash=other)


def test_one_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "p.json", PASSED, FAILED)
    held = json.loads(path.read_text())
    held["checks"][1]["passed"] = True
    path.write_text(json.dumps(held))
    with pytest.raises(UserError, match="is not what was written"):
        load_promotion(path, site="north-hall", building=building(), bundle_hash=HASH)


def test_one_that_was_judged_more_mildly_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "p.json", PASSED)
    held = json.loads(path.read_text())
    held["thresholds"]["least_days"] = 1.0
    path.write_text(json.dumps({**held, "sha256": content_sha256(held)}))
    with pytest.raises(UserError, match="another version's thresholds"):
        load_promotion(path, site="north-hall", building=building(), bundle_hash=HASH)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', "\xff"])
def test_what_is_no_promotion_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.json").write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=r"p\.json: is no promotion: name the promotion\.json"):
        load_promotion(tmp_path / "p.json", site="s", building=building(), bundle_hash="")
    with pytest.raises(UserError, match="is not there"):
        load_promotion(tmp_path / "none.json", site="s", building=building(), bundle_hash="")


def test_a_bundle_is_known_by_its_weights(tmp_path: Path) -> None:
    folder = scenes.bundle(tmp_path / "a")
    same = scenes.bundle(tmp_path / "b")
    later = scenes.bundle(tmp_path / "c", scenes.PROVENANCE.model_copy(update={"steps": 7}))
    hashes = [controller_sha256(str(path), building()) for path in (folder, same, later)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_rule_is_known_by_its_parameters() -> None:
    reset = dict(building().file.baselines)
    reset["outdoor-reset"] = {**reset["outdoor-reset"], "flow_ratio": 1.2}
    other = replace(building(), file=building().file.model_copy(update={"baselines": reset}))
    assert controller_sha256("outdoor-reset", other) != HASH

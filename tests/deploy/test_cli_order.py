"""`airhandler order`: what people are told whose word was heard, refused, or not heard."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from airhandler.deploy.cli_order import app
from airhandler.deploy.signs import Answer, ControllerSign
from airhandler.deploy.site_file import load_site
from airhandler.deploy.state import Holder, StateFolder
from tests.fakes import BUILDING, healthy


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    declared = {
        "site": "hall",
        "building": "datacentre-dx",
        "time_zone": "+00:00",
        "bacnet": {"device": "127.0.0.1:1", "device_id": 1},
        "points": {p.name: {"object": f"analog-output,{n}"} for n, p in enumerate(BUILDING.points)},
    }
    path.write_text(yaml.safe_dump(declared))
    return path


@pytest.fixture
def answering(site: Path) -> Iterator[list[Answer]]:
    """A controller that gives the next answer to each order."""
    state, answers, done = StateFolder(load_site(site).state), list[Answer](), threading.Event()

    def serve(holder: Holder) -> None:
        while not done.wait(0.02):
            if taken := state.orders.take(holder.token):
                given = tuple(a.model_copy(update={"order": o.key}) for a, o in zip(answers, taken, strict=False))
                state.signs.put_controller(sign(state, holder, given))

    with state.lock() as lock:
        thread = threading.Thread(target=serve, args=(lock.holder,))
        thread.start()
        yield answers
        done.set()
        thread.join()


def sign(state: StateFolder, holder: Holder, answers: tuple[Answer, ...]) -> ControllerSign:
    return ControllerSign(
        pid=holder.pid,
        token=holder.token,
        site="hall",
        controller="agent",
        stage="live",
        in_charge=False,
        tick=0,
        site_time=healthy(0).time,
        step_s=900.0,
        answers=answers,
        at_s=state.signs.now_s(),
        boot=state.signs.boot,
    )


def test_who_gives_an_order_is_told_what_it_does(site: Path, answering: list[Answer]) -> None:
    answering.append(Answer(order="", done=True, words="authority goes back now"))
    result = CliRunner().invoke(app, [str(site), "give-back"])
    assert (result.exit_code, result.output) == (0, "give-back: authority goes back now\n")
    told = json.loads(CliRunner().invoke(app, [str(site), "give-back", "--json"]).output)
    assert told["kind"] == "give-back"
    assert told["answer"] == {"done": True, "words": "authority goes back now"}


def test_a_refusal_says_why_and_is_no_success(site: Path, answering: list[Answer]) -> None:
    answering.append(Answer(order="", done=False, words="held by slot 8"))
    result = CliRunner().invoke(app, [str(site), "reset"], standalone_mode=False)
    assert str(result.exception) == f"{site}: `reset` is refused: held by slot 8"


def test_who_is_not_answered_is_told_so(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airhandler.deploy.cli_order._PATIENCE_S", 0.3)
    with StateFolder(load_site(site).state).lock() as lock:
        result = CliRunner().invoke(app, [str(site), "reset"], standalone_mode=False)
    assert f"given to process {lock.holder.pid}, and not answered" in str(result.exception)


def test_one_that_ends_before_it_answers_is_told(site: Path) -> None:
    lock = StateFolder(load_site(site).state).lock()

    def end() -> None:
        time.sleep(0.3)
        lock.release()

    thread = threading.Thread(target=end)
    thread.start()
    result = CliRunner().invoke(app, [str(site), "reset"], standalone_mode=False)
    thread.join()
    assert "ended before it answered" in str(result.exception)

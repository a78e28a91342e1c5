"""A handover outlives its process."""

from __future__ import annotations

from pathlib import Path

from airhandler.deploy.latch import Latch
from airhandler.safety.handover import Handover


def started(folder: Path) -> tuple[Handover, Latch]:
    handover = Handover()
    return handover, Latch(folder / "handover.json", handover)


def test_a_restart_finds_authority_back_and_why(tmp_path: Path) -> None:
    handover, latch = started(tmp_path)
    assert (latch.news(), handover.latched) == (None, False)
    handover.give_back("held at 19 degC by slot 8")
    assert [latch.news(), latch.news()] == ["held at 19 degC by slot 8", None]
    again, _ = started(tmp_path)
    assert again.reason is not None
    assert again.reason.words == "held at 19 degC by slot 8"


def test_a_reset_lifts_it_for_restarts_too(tmp_path: Path) -> None:
    handover, latch = started(tmp_path)
    handover.give_back("a doubt")
    latch.news()
    handover.reset()
    latch.lift()
    assert not started(tmp_path)[0].latched
    handover.give_back("another")
    assert latch.news() == "another"


def test_what_goes_back_step_by_step_is_kept_from_the_first(tmp_path: Path) -> None:
    handover, latch = started(tmp_path)
    latch.keep("an operator asked for authority")
    assert not handover.latched
    assert started(tmp_path)[0].latched
    handover.give_back("it has gone back")
    assert latch.news() == "it has gone back"


def test_what_cannot_be_read_keeps_authority_back(tmp_path: Path) -> None:
    (tmp_path / "handover.json").write_text("{")
    handover, _ = started(tmp_path)
    assert handover.reason is not None
    assert "cannot be read" in handover.reason.words

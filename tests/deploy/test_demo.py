"""The demonstration's folder: what it may replace, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from airhandler.buildings.errors import UserError
from airhandler.deploy.demo import clear


def test_file_in_the_place_of_the_folder_is_a_users_mistake(tmp_path: Path) -> None:
    out = tmp_path / "notes.txt"
    out.write_text("mine")
    with pytest.raises(UserError, match=r"notes\.txt is a file: name a folder with --out"):
        clear(out)
    assert out.read_text() == "mine"


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something that is not a demo's"):
        clear(tmp_path)


def test_folder_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    clear(tmp_path / "demo")
    (tmp_path / "demo" / "old").write_text("")
    clear(tmp_path / "demo")
    assert [p.name for p in (tmp_path / "demo").iterdir()] == [".demo"]

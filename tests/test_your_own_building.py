"""The page that takes a reader from an IDF to a trained agent: its commands are run, on short periods."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .buildings.own_models import hall_idf

PAGE = Path(__file__).parents[1] / "docs" / "your-own-building.md"


def commands() -> list[list[str]]:
    """Every command of the page, in order, in words."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def short(words: list[str]) -> list[str]:
    """The same command on this machine: a day, a few steps of training, any free port."""
    text = list(words)
    for option, value in (("--days", "1"), ("--steps", "32")):
        if option in text:
            text[text.index(option) + 1] = value
    if text[1] == "evaluate":
        text += ["--processes", "1", *([] if "--days" in text else ["--days", "1"])]
    if text[1] in ("shadow", "live"):
        text += ["--port", "0", "--out", text[1]]
    return text


def run(words: list[str], folder: Path) -> str:
    """What a command prints, in a process of its own as the reader's shell starts it."""
    python = Path(sys.executable)
    program = [str(python)] if words[0] == "python" else [str(python.with_name(words[0]))]
    done = subprocess.run([*program, *short(words)[1:]], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_commands_of_the_page_lead_from_an_idf_to_an_agent_in_charge(tmp_path: Path) -> None:
    hall_idf(tmp_path)
    said = {shlex.join(words[1:4]): run(words, tmp_path) for words in commands()}
    assert re.search(r"Zone Temperature Control\W+Heating Setpoint\W+CORE_ZN", said["buildings inspect office.idf"])
    assert "core_zn_heating_setpoint_c" in said["buildings show my-office.yaml"]
    assert (tmp_path / "runs" / "office" / "bundle" / "card.json").exists()
    assert "ticks" in said["live runs/office/bundle --building"]
    assert "EAST ZONE SUPPLY FAN" in said["buildings inspect hall.idf"]
    assert "trim-respond" in said["evaluate stock trim-respond"]


def test_every_command_of_the_page_is_one_of_ours() -> None:
    assert {words[0] for words in commands()} == {"python", "airhandler"}
    assert len(commands()) >= 10

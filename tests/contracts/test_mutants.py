"""`make mutants` takes an hour and is in no other check: here, that it still finds what it is to change and to run."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from mutmut.configuration import config, reset_config
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name


@pytest.fixture(autouse=True)
def _in_the_repository(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tool reads its settings once, from the folder that it runs in."""
    monkeypatch.chdir(root)
    reset_config()
    yield
    reset_config()


def test_every_file_of_the_shield_is_changed(files: list[str]) -> None:
    safety = {Path("airhandler", name) for name in files if name.startswith("safety/") and name.endswith(".py")}
    assert set(walk_mutatable_files()) == safety


def test_mutants_are_found_under_the_name_that_tests_import() -> None:
    path = Path("airhandler/safety/handover.py")
    names = [get_mutant_name(path, name) for name in mutate_file_contents(str(path), path.read_text()).mutant_names]
    assert len(names) > 20
    assert {name.rpartition(".")[0] for name in names} == {"airhandler.safety.handover"}


def test_the_tests_and_files_that_it_copies_are_there(root: Path) -> None:
    wanted = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["mutmut"]
    for name in wanted["pytest_add_cli_args_test_selection"] + wanted["also_copy"]:
        assert (root / name).exists(), name


def test_its_examples_are_the_same_in_every_run() -> None:
    (profile,) = [a.partition("=")[2] for a in config().pytest_add_cli_args if a.startswith("--hypothesis-profile")]
    assert settings.get_profile(profile).derandomize

"""What is installed is what is in the repository, at the versions and hashes of the lock files."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOMS = ("buildings", "safety", "control", "deploy")
LOCKS = ("all", "core")
_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


def _pins(root: Path, lock: str) -> dict[str, str]:
    lines = (root / f"requirements/{lock}.lock").read_text().splitlines()
    return {m["name"]: m["version"] for m in map(_PIN.match, lines) if m}


def _in_rooms(files: list[str]) -> list[Path]:
    return [Path(name) for name in files if name.startswith(ROOMS) and "/" in name]


def test_every_sub_package_is_listed(project: dict[str, Any], files: list[str]) -> None:
    folders = {path.parent for path in _in_rooms(files) if path.suffix == ".py"}
    expected = {"airhandler", *(f"airhandler.{'.'.join(folder.parts)}" for folder in folders)}
    assert set(project["tool"]["setuptools"]["packages"]) == expected


def test_wheel_holds_every_file_of_the_rooms(wheel: Path, root: Path, files: list[str]) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    held = {name for name in names if ".dist-info/" not in name and not name.endswith(".so")}
    own = {name for name in files if name.startswith("airhandler/") and not (root / name).is_symlink()}
    assert held == own | {f"airhandler/{path.as_posix()}" for path in _in_rooms(files)}


def test_wheel_holds_the_licence(wheel: Path) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_names_versions_and_hashes_and_nothing_else(root: Path, lock: str) -> None:
    lines = (root / f"requirements/{lock}.lock").read_text().splitlines()
    lines = [line for line in lines if not line.lstrip().startswith("#")]
    odd = [line for line in lines if not (_PIN.match(line) or _HASH.match(line))]
    bare = [
        line for line, after in zip(lines, [*lines[1:], ""], strict=True) if _PIN.match(line) and not _HASH.match(after)
    ]
    assert (odd, bare) == ([], [])
    assert "://" not in (root / f"requirements/{lock}.lock").read_text()


def test_locks_hold_what_the_project_asks_for(root: Path, project: dict[str, Any]) -> None:
    core = project["project"]["dependencies"]
    extras = [word for words in project["project"]["optional-dependencies"].values() for word in words]
    for lock, words in (("core", core), ("all", core + extras)):
        pins = _pins(root, lock)
        for requirement in map(Requirement, words):
            version = pins.get(canonicalize_name(requirement.name), "none")
            assert version in requirement.specifier, f"{requirement}: {lock}.lock has {version}; `make lock`"


def test_core_lock_is_a_part_of_the_whole(root: Path) -> None:
    assert _pins(root, "core").items() < _pins(root, "all").items()


def test_core_lock_is_small_enough_for_an_edge_box(root: Path) -> None:
    heavy = {"torch", "stable-baselines3", "pyenergyplus-lbnl", "sinergym", "greenlet", "matplotlib"}
    assert not heavy & _pins(root, "core").keys()


# A clone works anywhere: no address of a package registry, no path of one machine.
# In parts, since this file is read, too.
_HOSTS = [("py" + "pi", "org"), ("python" + "hosted", "org"), ("npm" + "js", "org"), ("deb" + "ian", "org")]
_PLACES = re.compile(
    "|".join(rf"\b{name}\.{end}\b" for name, end in _HOSTS) + r"|(?<![\w.~-])/(?:work|root|home|Users)/"
)


def test_no_file_names_a_registry_or_a_path_of_one_machine(root: Path, files: list[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in files
        if (root / name).is_file()
        for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1)
        if _PLACES.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("line", ["cd /" + "work/main", "https://files." + "pythonhosted" + ".org/x"])
def test_places_are_recognised(line: str) -> None:
    assert _PLACES.search(line)


@pytest.mark.parametrize("line", ["the network/home/page", "https://www.ashrae.org/work", "./root/x"])
def test_other_words_are_no_places(line: str) -> None:
    assert not _PLACES.search(line)

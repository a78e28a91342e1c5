"""The repository as it would be committed, and the wheel that is built from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[str]:
    """Every file and link that git tracks, or would with `git add .`, from the root."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in names if name and (ROOT / name).exists()]


@pytest.fixture(scope="session")
def copy(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of those files: what a build leaves behind stays out of the repository."""
    folder = tmp_path_factory.mktemp("repository")
    for name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to((ROOT / name).readlink())
        else:
            target.write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="session")
def wheel(copy: Path) -> Path:
    """A wheel that is built from the source distribution, without a network."""
    build = ["build", "--offline", "--no-build-isolation", "--python", sys.executable]
    words = [sys.executable, "-m", "uv", *build]
    built = subprocess.run(words, cwd=copy, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return next((copy / "dist").glob("*.whl"))

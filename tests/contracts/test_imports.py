"""The import contracts of pyproject.toml catch what they are there to catch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# What a file would import, and words of the contract that it breaks; no words: it may.
_CASES = [
    ("safety/planted.py", "import airhandler.control.tick", "rooms"),
    ("buildings/planted.py", "import safety.verdict", "bare room names"),
    ("safety/planted.py", "def late():\n    import torch.nn", "torch"),
    ("control/planted.py", "import greenlet", "EnergyPlus"),
    ("control/planted.py", "import sinergym", "Sinergym"),
    ("deploy/planted.py", "import prometheus_client", "prometheus_client"),
    ("deploy/planted.py", "import matplotlib.pyplot", "matplotlib"),
    ("deploy/live.py", "import airhandler.buildings.energyplus", "live side"),
    ("deploy/live.py", "import pandas", "live side"),
    ("control/planted.py", "import pandas", ""),
    ("control/agent.py", "import torch", ""),
]


@pytest.mark.parametrize(("file", "code", "broken"), _CASES)
def test_contract_catches(copy: Path, tmp_path: Path, file: str, code: str, broken: str) -> None:
    folder = shutil.copytree(copy, tmp_path / "repository", symlinks=True)
    with (folder / file).open("a") as planted:
        planted.write(f"\n{code}\n")
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)
    names = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert done.returncode == bool(broken), done.stdout + done.stderr
    assert all(broken in name for name in names)

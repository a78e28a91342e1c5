"""Runs the drills and prints what each showed, as the table of docs/drills.md: `make drills`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DRILLS = [
    f"tests/deploy/test_drills_{name}.py" for name in ("processes", "device", "people", "sensors", "disk", "modbus")
]


def table(folder: Path) -> str:
    """What a folder of drills holds, in Markdown, in the order in which they stand in the test."""
    order = "".join(Path(file).read_text() for file in DRILLS)
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    rows = ["| drill | what happens | steps until the building is safe |", "|---|---|---|"]
    for name in sorted(found, key=lambda name: (order.find(f"def test_{name.partition('[')[0]}("), name)):
        told = found[name]
        words = name.replace("_", " ").replace("[", ": ").removesuffix("]")
        rows.append(f"| {words} | {told['safe']} | {'' if told['steps'] is None else format(told['steps'], '.1f')} |")
    return "\n".join(rows)


def main() -> int:
    """Runs the drills. Returns pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-q", *DRILLS]
        code = subprocess.run(words, env={**os.environ, "AIRHANDLER_DRILLS": folder}, check=False).returncode
        print(table(Path(folder)))  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())

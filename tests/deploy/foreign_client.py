"""A BACnet client of another make: tests/deploy/foreign, with the library that its lock file names."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.process import PATIENCE_S


def installed(folder: Path) -> Path:
    """The client in a folder of its own; skips the test where there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: a client of another make cannot be had")
    made = folder / "client"
    shutil.copytree(Path(__file__).with_name("foreign"), made, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"],
        cwd=made,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return made


def ask_foreign(client: Path, device: str, *words: object) -> Any:
    """What the client prints to a command.

    Args:
        client: where it is installed.
        device: the address of the device that it asks.
        words: the command.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = ["node", "client.js", port, device, *map(str, words)]
    done = subprocess.run(command, cwd=client, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

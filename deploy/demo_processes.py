"""Processes of the live demonstration: our own commands, and Prometheus."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from airhandler.buildings.errors import UserError

_PATIENCE_S = 60.0


class Command:
    """`airhandler` with some words, as a process of its own; ended with the context, if it has not by itself.

    Args:
        log: the file that takes what it says.
        words: what stands behind `airhandler`.
    """

    def __init__(self, log: Path, *words: object) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log, self._words = log, [str(word) for word in words]

    def __enter__(self) -> Self:
        with self._log.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airhandler", *self._words], stdout=said, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait()

    def finish(self) -> None:
        """Waits for its end. Raises UserError with its last words where that is a failure."""
        if (code := self._process.wait()) != 0:
            raise UserError(self._failed(f"ended with exit code {code}"))

    def until(self, there: Callable[[], bool]) -> None:
        """Waits until something is there. Raises UserError where it ends before, or takes too long."""
        end_s = time.monotonic() + _PATIENCE_S
        while not there():
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise UserError(self._failed("did not start"))
            time.sleep(0.05)

    def _failed(self, how: str) -> str:
        last = (self._log.read_text().splitlines() or [""])[-1]
        return f"`airhandler {self._words[0]}` {how}: {last} (all of it: {self._log})"


class Prometheus:
    """A Prometheus that scrapes some ports of this machine and evaluates our alerts.

    Args:
        folder: where its configuration and data go.
        ports: what is scraped, by name.

    Raises UserError where it is not installed.
    """

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        if shutil.which("prometheus") is None:
            raise UserError("prometheus is not installed: apt-get install prometheus")
        self._folder, self._port = folder, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        folder.mkdir(parents=True, exist_ok=True)
        rules = folder / "airhandler.yml"
        rules.write_text((resources.files("airhandler.deploy") / "alerts" / "airhandler.yml").read_text())
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules.name],
            "scrape_configs": [
                {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for name, port in ports.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self) -> Self:
        with (self._folder / "prometheus.log").open("w") as said:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def ask(self, metric: str) -> dict[str, float]:
        """The highest value that a metric has had, by job."""
        query = urllib.parse.urlencode({"query": f"max by (job) (max_over_time({metric}[1h]))"})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=10) as answer:
            found = json.loads(answer.read())["data"]["result"]
        return {one["metric"]["job"]: float(one["value"][1]) for one in found}


def free_port() -> int:
    """A TCP port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""SnapshotBank: moments of a simulated period to begin from at once, without sizing, warm-up or the weeks before.

The simulation and its snapshots live in processes of their own, so that the process that uses them may hold torch.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .catalog import find_building
from .errors import SimulationError, UserError
from .folders import own_folder, remove
from .instrumentation import begin_of, measured_points, reading_of, setpoint_array
from .known import Array
from .model import Period
from .nursery import ENDED, FAILED, HEADER, MESSAGE_BYTES, Order, socket_path, weekly
from .points import Reading, Setpoints
from .processes import child_environment
from .randomise import varied
from .weather import find_weather

Commander = Callable[[Reading], Setpoints | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One kept moment.

    Attributes:
        step: steps from the begin of the period.
        pid: the process that holds it.
    """

    step: int
    pid: int

    def memory_bytes(self) -> int:
        """Its part of the memory in use [bytes]: a page that n processes share counts 1 / n to each.

        Raises SimulationError if it is gone. Source: Linux, proc(5), smaps_rollup, Pss_Anon (Linux 5.8).
        """
        try:
            lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        except OSError as error:
            raise SimulationError(f"the snapshot of step {self.step} is gone ({error}): make a new bank") from error
        part = [1024 * int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")]
        if not part:  # killed, and not yet taken note of
            raise SimulationError(f"the snapshot of step {self.step} is gone: make a new bank")
        return sum(part)


class SnapshotBank:
    """Snapshots of one building in one weather; every week of the period by default.

    Args:
        building: id of the building.
        weather: name or path of the weather.
        period: what is run through, once.
        steps: moments to keep, as steps from the begin; by default the begin of every week.
        commander: set-points while it is run through (picklable, by reference); None: the building's own control.
        parameters: of the model, in place of the building file's; a bank for each variant: see randomise.draw.
        max_memory_bytes: what all snapshots may take, shared pages divided among those who share them; it ends in an
            error, not in swapping.
        progress: is told how many of how many are made.

    Raises SimulationError, with EnergyPlus's own words, if the run fails; UserError for unknown names, steps outside
    the period and a commander that cannot be pickled.
    """

    def __init__(
        self,
        building: str,
        weather: str,
        period: Period | None = None,
        *,
        steps: Sequence[int] | None = None,
        commander: Commander | None = None,
        parameters: Mapping[str, float] = MappingProxyType({}),
        max_memory_bytes: int = 4 << 30,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.building, self.weather, self.period = find_building(building), find_weather(weather), period or Period()
        self.parameters = dict(parameters)
        varied(self.building, self.parameters)
        per_hour = self.building.file.timesteps_per_hour
        wanted = tuple(sorted(set(weekly(self.period, per_hour) if steps is None else steps)))
        last = self.period.days * 24 * per_hour - 1
        if wanted and not 0 <= wanted[0] <= wanted[-1] <= last:
            raise UserError(f"steps {wanted[0]} to {wanted[-1]}: must be within 0 to {last}, the period's")
        self._folder = own_folder("bank")
        order = Order(
            building=building,
            weather=weather,
            period=self.period,
            steps=wanted,
            commander=commander,
            parameters=self.parameters,
            folder=self._folder,
        )
        self.snapshots: tuple[Snapshot, ...] = ()
        try:
            pickled = _pickled(order)
            self._nursery = _nursery(self._folder)
        except BaseException:
            remove(self._folder)
            raise
        self._end = weakref.finalize(self, _end, self._nursery, self._folder, os.getpid())
        try:
            self._make(pickled, len(wanted), max_memory_bytes, progress)
        except BaseException:
            self.close()
            raise

    def run(self, index: int) -> BranchedRun:
        """A run that begins at a snapshot, in a process of its own. Raises SimulationError if it is gone."""
        if not self._end.alive:
            raise SimulationError("this bank is closed: make a new one")
        if not 0 <= index < len(self.snapshots):
            raise UserError(f"snapshot {index}: the bank has 0 to {len(self.snapshots) - 1}")
        return BranchedRun(self, self.snapshots[index].step)

    def memory_bytes(self) -> int:
        """What all snapshots take [bytes], shared pages divided among those who share them."""
        return sum(snapshot.memory_bytes() for snapshot in self.snapshots)

    def close(self) -> None:
        """Ends every snapshot and every run that began at one."""
        self.snapshots = ()
        self._end()

    @property
    def folder(self) -> Path:
        """Where its snapshots' sockets and temporary files are."""
        return self._folder

    def __enter__(self) -> SnapshotBank:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make(
        self, order: bytes, count: int, max_memory_bytes: int, progress: Callable[[int, int], None] | None
    ) -> None:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it ended: the next line says how
            self._nursery.stdin.write(order)
            self._nursery.stdin.flush()
        while len(self.snapshots) < count:
            kind, _, rest = self._nursery.stdout.readline().decode().strip().partition(" ")
            if kind == "mistake":
                raise UserError(rest)
            if kind != "snapshot":
                raise SimulationError(rest or f"the process that makes snapshots ended: {self._nursery.wait()}")
            step, pid = map(int, rest.split())
            self.snapshots += (Snapshot(step=step, pid=pid),)
            if (used := self.memory_bytes()) > max_memory_bytes:
                raise SimulationError(
                    f"{len(self.snapshots)} snapshots take {used >> 20} MiB, more than the {max_memory_bytes >> 20} MiB"
                    " allowed: keep fewer, or allow more with max_memory_bytes"
                )
            if progress is not None:
                progress(len(self.snapshots), count)


def _pickled(order: Order) -> bytes:
    try:
        return pickle.dumps(order)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(f"{error}: a commander must be a function at the top of a module") from error


def _nursery(folder: Path) -> subprocess.Popen[bytes]:
    """Starts the process that makes the snapshots, with its temporary files in a folder."""
    temporary = folder / "tmp"
    temporary.mkdir()
    in_main_thread = threading.current_thread() is threading.main_thread()
    words = ["-P", "-m", "airhandler.buildings.nursery", str(os.getpid()), str(int(in_main_thread))]
    return subprocess.Popen(
        [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment(temporary)
    )


def _end(nursery: subprocess.Popen[bytes], folder: Path, owner: int) -> None:
    """What `close` does, also when the bank is forgotten or the interpreter ends; not in a fork of its owner."""
    if os.getpid() != owner:
        return
    for pipe in (nursery.stdin, nursery.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    nursery.kill()
    nursery.wait()
    remove(folder)


class BranchedRun:
    """A run that began at a snapshot; it keeps its bank from being forgotten."""

    def __init__(self, bank: SnapshotBank, step: int) -> None:
        self.building, self.weather, self.period = building, weather, period = bank.building, bank.weather, bank.period
        self.measured = measured_points(building)
        self.total_steps = period.days * 24 * building.file.timesteps_per_hour
        self.steps = step
        self._bank, self._started = bank, False
        self._names = tuple(p.name for p in self.measured)
        self._began, self._step = begin_of(period, weather), timedelta(seconds=building.step_s)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.connect(socket_path(bank.folder, step))
        except OSError as error:
            self._socket.close()
            raise SimulationError(f"the snapshot of step {step} is gone ({error}): make a new bank") from error

    @property
    def time(self) -> datetime:
        """Simulated time, in the local standard time of the weather file."""
        return self._began + self.steps * self._step

    def start(self) -> Array:
        """The values at the snapshot [len(measured)]."""
        if self._started:
            raise SimulationError("this run was started before: make a new one")
        self._started = True
        values = self._receive()
        assert values is not None
        return values

    def step(self, setpoints: Array) -> Array | None:
        """One control step under set-points [len(setpoints)]; None after the last step of the period."""
        if not self._started:
            raise SimulationError("this run is not running: call start() first")
        if np.shape(setpoints) != (needed := (len(self.building.setpoints),)):
            raise SimulationError(f"{needed[0]} set-points need as many values, not {np.shape(setpoints)}")
        try:
            self._socket.send(np.ascontiguousarray(setpoints, dtype=np.float64).tobytes())
        except OSError as error:
            raise self._died() from error
        return self._receive()

    def reading(self, values: Array) -> Reading:
        """Values as a Reading; NaN becomes absent."""
        return reading_of(self._names, values, self.time)

    def array(self, setpoints: Setpoints | None) -> Array:
        """Set-points as an array; None, the building's own control, as NaN."""
        return setpoint_array(self.building, setpoints)

    def close(self) -> None:
        """Ends the run's process."""
        self._socket.close()

    def _receive(self) -> Array | None:
        try:
            message = self._socket.recv(MESSAGE_BYTES)
        except OSError as error:
            raise self._died() from error
        if not message:
            raise self._died()
        status, self.steps = HEADER.unpack_from(message)
        if status == FAILED:
            raise SimulationError(message[HEADER.size :].decode())
        return None if status == ENDED else np.frombuffer(message, offset=HEADER.size).copy()

    def _died(self) -> SimulationError:
        return SimulationError(
            f"the process of a branched run ended at step {self.steps}: it was killed, or its bank closed"
        )

"""The engine: one EnergyPlus run that is stepped from outside.

EnergyPlus runs as one blocking call with callbacks. Here that call takes turns with its caller (`turns.py`): at the
end of every zone time step it is put aside, and goes on when the caller has the next commands. Same thread, no queues,
no time-outs.

The library is called through `ctypes.PyDLL` (the interpreter lock is kept): a variable is read in a third of
the time that a call which releases and takes the lock again needs, and another thread cannot delay a step. In turn
other threads wait while EnergyPlus computes: a step, or most of a second for sizing and warm-up in `start`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import re
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import SimulationError, UserError
from .folders import own_folder, remove
from .fork import OpenFiles, fork
from .hugepages import huge_pages
from .known import Array
from .nearest import Wanted, listed, missing_text
from .reads import bound, reader
from .turns import Callback, Turns, take_turns

_RUN_PERIOD_WEATHER = 3  # kindOfSim of a weather run period. Source: EnergyPlus 25.1, DataGlobalConstants KindOfSim


@dataclass(frozen=True, slots=True)
class Variable:
    """An EnergyPlus output variable, for example ("System Node Temperature", "East Zone Inlet Node")."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Meter:
    """An EnergyPlus meter, for example "Electricity:Facility"; its value is the energy of a time step [J]."""

    name: str


@dataclass(frozen=True, slots=True)
class Actuator:
    """An EnergyPlus actuator, for example ("Fan", "Fan Air Mass Flow Rate", "East Zone Supply Fan")."""

    component: str
    control: str
    key: str


def library_folder() -> Path:
    """The folder of the EnergyPlus library. Raises UserError if it is not installed."""
    spec = importlib.util.find_spec("pyenergyplus")
    if spec is None or spec.origin is None:
        raise UserError(
            "EnergyPlus is not installed here: pip install 'airhandler[sim]' (a live controller does without it)"
        )
    return Path(spec.origin).parent.parent


@functools.cache
def _library() -> Any:
    """The EnergyPlus C API with the signatures that are used here.

    Source: EnergyPlus 25.1, api/runtime.h, api/datatransfer.h, api/state.h.
    """
    lib = ctypes.PyDLL(str(library_folder() / "libenergyplusapi.so"))
    state, integer, real, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_double, ctypes.c_char_p
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "stateNew": (state, []),
        "stateDelete": (None, [state]),
        "energyplus": (integer, [state, integer, ctypes.POINTER(text)]),
        "setConsoleOutputState": (None, [state, integer]),
        "stopSimulation": (None, [state]),
        "callbackAfterNewEnvironmentWarmupComplete": (None, [state, Callback]),
        "callbackEndOfZoneTimeStepAfterZoneReporting": (None, [state, Callback]),
        "requestVariable": (None, [state, text, text]),
        "getVariableHandle": (integer, [state, text, text]),
        "getVariableValue": (real, [state, integer]),
        "getMeterHandle": (integer, [state, text]),
        "getMeterValue": (real, [state, integer]),
        "getActuatorHandle": (integer, [state, text, text, text]),
        "setActuatorValue": (None, [state, integer, real]),
        "resetActuator": (None, [state, integer]),
        "apiErrorFlag": (integer, [state]),
        "kindOfSim": (integer, [state]),
        "warmupFlag": (integer, [state]),
        "listAllAPIDataCSV": (ctypes.c_void_p, [state]),
        "energyPlusVersion": (text, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def engine_version() -> str:
    """Version of the engine as models name it, for example "25.1"."""
    said = re.search(r"Version (\d+\.\d+)", _library().energyPlusVersion().decode())
    if said is None:
        raise SimulationError("the EnergyPlus library does not say its version")
    return said[1]


def convert(path: Path, folder: Path) -> Path:
    """Converts an IDF to epJSON, or an epJSON to IDF, and checks it against EnergyPlus's schema.

    Args:
        path: the file, in UTF-8.
        folder: an existing folder for the result and for EnergyPlus's messages.

    Raises UserError with EnergyPlus's own words about what is wrong in the file.
    """
    lib = _library()
    state = lib.stateNew()
    try:
        lib.setConsoleOutputState(state, 0)
        code = _command_line(lib, state, "--convert-only", "-d", str(folder), str(path))
    finally:
        lib.stateDelete(state)
    made = folder / f"{path.stem}.{'idf' if path.suffix.lower() == '.epjson' else 'epJSON'}"
    if code != 0 or not made.exists():
        said = _failure_text(folder, path).replace("Severe  ** ", "").partition("; Fatal  ** ")[0]
        raise UserError(said.replace("EnergyPlus failed on", "EnergyPlus cannot read", 1))
    return made


def _command_line(lib: Any, state: int, *words: str) -> int:
    """EnergyPlus under the words of its command line; returns its exit code."""
    encoded = [word.encode() for word in ("energyplus", *words)]
    code: int = lib.energyplus(state, len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))
    return code


def _unchecked(name: str) -> Any:
    """A function of the library without the checks of argument types."""
    function = _library()[name]
    function.restype = getattr(_library(), name).restype
    return function


class Simulation:
    """One EnergyPlus run, stepped from outside.

    Args:
        model: an epJSON file.
        weather: an EPW file.
        sensors: what to read after every step, in the order of the arrays that come back.
        actuators: what to command, in the order of the arrays that are passed in.
        keep: a folder to run in and to leave; by default a folder of its own that is removed at the end.

    Attributes:
        steps: steps done.

    A run belongs to the thread that calls `start`: call `step` and `close` from that thread too.
    """

    def __init__(
        self,
        *,
        model: Path,
        weather: Path,
        sensors: Sequence[Variable | Meter],
        actuators: Sequence[Actuator],
        keep: Path | None = None,
    ) -> None:
        self._model, self._weather = model, weather
        self._sensors, self._actuators = tuple(sensors), tuple(actuators)
        self._requests = [(s.name, s.key) for s in self._sensors if isinstance(s, Variable)]
        self._keep = keep
        self._folder: Path | None = None
        self._removal: Callable[[], object] | None = None
        self._lib = _library()
        self._state: Any = None
        self._on_step: Any = None
        self._turns: Turns | None = None
        self._ending: Callable[[], object] | None = None
        self._shape = (len(self._actuators),)
        self._commanded = [np.nan] * len(self._actuators)
        self._read: Callable[[], Array | None] = functools.partial(np.empty, 0)
        self._writers: list[Callable[[ctypes.c_double], None]] = []
        self._actuator_handles: list[int] = []
        self.steps = 0

    def start(self) -> Array:
        """Runs sizing and warm-up, and returns the values at the start of the run period [len(sensors)].

        Those are EnergyPlus's own values at the end of the last warm-up day. Raises SimulationError.
        """
        self._begin()
        self._lib.callbackEndOfZoneTimeStepAfterZoneReporting(self._state, self._on_step)
        return self._values()

    def step(self, commands: Array) -> Array | None:
        """Runs one time step under `commands` [len(actuators)]; NaN leaves an actuator to the model.

        Returns the values at its end [len(sensors)], or None when the run period had ended before it.
        Raises SimulationError, with EnergyPlus's own words, when the run failed.
        """
        turns = self._turns
        if turns is None or turns.ended:
            raise SimulationError("this simulation is not running: call start() on a new one")
        self._command(commands)
        if turns.go_on():
            self.steps = turns.steps
            return self._values()
        self._check_end(turns)
        return None

    def run_through(self, commands: Array) -> float:
        """The whole run under constant commands without any exchange; returns the seconds of the run period.

        What EnergyPlus itself costs: the yardstick for `step`. Raises SimulationError.
        """
        turns = self._begin()
        self._command(commands)
        began = time.perf_counter()
        turns.go_on()
        seconds = time.perf_counter() - began
        self._check_end(turns)
        return seconds

    def open_files(self) -> OpenFiles:
        """What a forked copy of this process must not share. Raises SimulationError if the run is not going on."""
        if self._folder is None or self._turns is None or self._turns.ended:
            raise SimulationError("this simulation is not running: there is nothing to branch from")
        return OpenFiles.of(read=self._weather, written=self._folder)

    def fork(self) -> int:
        """Forks this process: 0 in the child, which holds an exact copy of the run, the child's id in the parent.

        The child must end with `os._exit`. Raises SimulationError where that cannot be done safely.
        """
        return fork(self.open_files())

    def close(self) -> None:
        """Ends the run, wherever it is, and removes its folder."""
        try:
            if self._ending is not None:
                self._ending()
        finally:  # a Ctrl-C that came meanwhile
            if self._removal is not None:
                self._removal()
            self._folder = None

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ---------------------------------------------------------------------------------------------

    def _begin(self) -> Turns:
        """Runs sizing and warm-up until the run period is ready. Raises SimulationError."""
        if self._turns is not None:
            raise SimulationError("this simulation was started before: make a new one")
        with huge_pages():  # for the library's own tables, too, which `stateNew` makes
            turns = self._turns = self._made()
            while not turns.ended:
                turns.go_on()
                if not turns.ended and self._lib.kindOfSim(self._state) == _RUN_PERIOD_WEATHER:
                    self._resolve()
                    return turns
        self._check_end(turns)
        raise self._failed("EnergyPlus ended before the first step of the run period")

    def _made(self) -> Turns:
        """The whole EnergyPlus run as one call that has not begun."""
        if self._keep is None:
            self._folder = own_folder("run")
            self._removal = weakref.finalize(self, remove, self._folder)
        else:
            self._folder = self._keep
            self._folder.mkdir(parents=True, exist_ok=True)
        lib, state = self._lib, self._lib.stateNew()
        lib.setConsoleOutputState(state, 0)
        for name, key in self._requests:
            lib.requestVariable(state, name.encode(), key.encode())
        words = "energyplus", "-d", str(self._folder), "-w", str(self._weather), str(self._model)
        turns, on_ready, on_step = take_turns(lib.energyplus, state, words)
        lib.callbackAfterNewEnvironmentWarmupComplete(state, on_ready)
        self._state, self._on_step = state, on_step
        ending = self._ending = weakref.finalize(self, _end, lib, state, turns, (on_ready, on_step))
        ending.atexit = False  # the process's end is the end of a run, too
        return turns

    def _values(self) -> Array:
        values = self._read()
        if values is None:
            raise self._failed(f"EnergyPlus refused a read or a write at step {self.steps}")
        return values

    def _check_end(self, turns: Turns) -> None:
        """Raises SimulationError if EnergyPlus handed over with no step done, and not since the run is complete."""
        if not turns.ended:
            raise self._failed(f"{self._model.name} has more than one RunPeriod: keep one")
        if turns.code != 0:
            assert self._folder is not None
            raise self._failed(_failure_text(self._folder, self._model))

    def _failed(self, why: str) -> SimulationError:
        """The error to raise, of a run that is closed."""
        self.close()
        return SimulationError(why)

    def _command(self, commands: Array) -> None:
        """Writes what has changed: an actuator keeps its value until it is written again or reset."""
        shape = getattr(commands, "shape", None)
        if shape != self._shape:
            raise SimulationError(f"{len(self._actuators)} actuators need an array of as many commands, not {shape}")
        wanted = commands.tolist()
        if wanted == self._commanded:
            return
        for i, command in enumerate(wanted):
            before = self._commanded[i]
            if command == before:
                continue
            if command == command:  # not NaN
                self._writers[i](ctypes.c_double(command))
            elif before == before:
                self._lib.resetActuator(self._state, self._actuator_handles[i])
            self._commanded[i] = command

    def _resolve(self) -> None:
        """Finds every handle, once. Raises SimulationError for those that do not exist, with the nearest that do."""
        lib, state, missing = self._lib, self._state, list[Wanted]()
        names = "getVariableValue", "getMeterValue", "setActuatorValue", "apiErrorFlag"
        variable, meter, actuator, refused = (_unchecked(name) for name in names)
        readers: list[tuple[Any, int]] = []
        for sensor in self._sensors:
            if isinstance(sensor, Variable):
                handle = lib.getVariableHandle(state, sensor.name.encode(), sensor.key.encode())
                readers.append((variable, handle))
                wanted = ("OutputVariable", sensor.name, sensor.key)
            else:
                handle = lib.getMeterHandle(state, sensor.name.upper().encode())
                readers.append((meter, handle))
                wanted = ("OutputMeter", sensor.name, "")
            missing += [wanted] if handle < 0 else []
        for a in self._actuators:
            handle = lib.getActuatorHandle(state, a.component.encode(), a.control.encode(), a.key.encode())
            self._actuator_handles.append(handle)
            self._writers.append(bound(actuator, state, handle))
            missing += [("Actuator", f"{a.component},{a.control}", a.key)] if handle < 0 else []
        self._read = reader(state, readers, refused)
        if missing:
            self.close()
            raise SimulationError(missing_text(missing, self._model, self._weather, exchangeable))


def _end(lib: Any, state: int, turns: Turns, callbacks: object) -> None:
    """Ends a run, wherever it is; `callbacks` are kept until then."""
    try:
        while not turns.ended:
            lib.stopSimulation(state)
            turns.go_on()
    finally:
        if turns.ended:
            lib.stateDelete(state)


class _Probe(Simulation):
    """A run that stops after warm-up and knows what the model has, with every key of the variables asked about."""

    def __init__(self, *, model: Path, weather: Path, variables: Sequence[str], keep: Path) -> None:
        super().__init__(model=model, weather=weather, sensors=[], actuators=[], keep=keep)
        self._requests = [(name, "*") for name in variables]
        self.available: list[tuple[str, str]] = []

    def _resolve(self) -> None:
        pointer = self._lib.listAllAPIDataCSV(self._state)
        self.available = listed((ctypes.string_at(pointer) or b"").decode(errors="replace"))


def exchangeable(model: Path, weather: Path, variables: Sequence[str], folder: Path) -> list[tuple[str, str]]:
    """What a model has, as `nearest.listed` gives it, from a run in a folder that is left."""
    with contextlib.closing(_Probe(model=model, weather=weather, variables=variables, keep=folder)) as probe:
        probe.start()
    return probe.available


def _failure_text(folder: Path, model: Path) -> str:
    """EnergyPlus's own severe and fatal lines."""
    err = folder / "eplusout.err"
    lines = err.read_text(errors="replace").splitlines() if err.exists() else []
    said = [line.strip(" *") for line in lines if "** Severe" in line or "**  Fatal" in line]
    return f"EnergyPlus failed on {model.name}: " + ("; ".join(said[:8]) or f"no error file in {os.fspath(folder)}")

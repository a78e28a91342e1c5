"""The engine: one EnergyPlus run that is stepped from outside.

EnergyPlus runs as one blocking call with callbacks. Here that call lives in a greenlet: at the end of every
zone time step the callback reads the variables, switches to the caller, and goes on when the caller has the
next commands. Same thread, no queues, no time-outs.

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

import greenlet
import numpy as np

from . import interrupts
from .errors import SimulationError, UserError
from .folders import own_folder, remove
from .fork import OpenFiles, fork
from .hugepages import huge_pages
from .known import Array
from .nearest import Wanted, listed, missing_text
from .reads import bound, reader

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


_StateCallback = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


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
        "callbackAfterNewEnvironmentWarmupComplete": (None, [state, _StateCallback]),
        "callbackEndOfZoneTimeStepAfterZoneReporting": (None, [state, _StateCallback]),
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

    The greenlet belongs to the thread that calls `start`: call `step` and `close` from that thread too.
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
        self._runner: Any = None
        self._caller: Any = None
        self._state: Any = None
        self._commands: Array = np.full(len(self._actuators), np.nan)
        self._commanded = [np.nan] * len(self._actuators)
        self._ready = False
        self._read: Callable[[], Array] = self._commands.copy
        self._writers: list[Callable[[ctypes.c_double], None]] = []
        self._refused: Callable[[], int] = int
        self._actuator_handles: list[int] = []
        self._stopping = False
        self._unattended = False
        self._failure: BaseException | None = None
        self._callbacks: list[Any] = []
        self.steps = 0

    def start(self, commands: Array | None = None) -> Array:
        """Runs sizing and warm-up, and returns the values at the start of the run period [len(sensors)].

        Those are EnergyPlus's own values at the end of the last warm-up day. `commands` are in force in the
        first step unless `step` is given others. Raises SimulationError.
        """
        if self._runner is not None:
            raise SimulationError("this simulation was started before: make a new one")
        interrupts.install()
        if self._keep is None:
            self._folder = own_folder("run")
            self._removal = weakref.finalize(self, remove, self._folder)
        else:
            self._folder = self._keep
            self._folder.mkdir(parents=True, exist_ok=True)
        if commands is not None:
            self._commands = self._checked(commands)
        self._runner = greenlet.greenlet(self._run)
        with huge_pages():
            values = self._switch()
        if values is None:
            self.close()
            raise SimulationError("EnergyPlus ended before the first step of the run period")
        return values

    def step(self, commands: Array) -> Array | None:
        """Runs one time step under `commands` [len(actuators)]; NaN leaves an actuator to the model.

        Returns the values at its end [len(sensors)], or None when the run period had ended before it.
        Raises SimulationError, with EnergyPlus's own words, when the run failed.
        """
        if self._runner is None or self._runner.dead:
            raise SimulationError("this simulation is not running: call start() on a new one")
        self._commands = self._checked(commands)
        return self._switch()

    def run_through(self, commands: Array) -> float:
        """The whole run under constant commands without any exchange; returns the seconds of the run period.

        What EnergyPlus itself costs: the yardstick for `step`. Raises SimulationError.
        """
        self._unattended = True
        self.start(commands)
        self._command(commands)
        began = time.perf_counter()
        self._switch()
        return time.perf_counter() - began

    def open_files(self) -> OpenFiles:
        """What a forked copy of this process must not share. Raises SimulationError if the run is not going on."""
        if self._folder is None or self._runner is None or self._runner.dead:
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
            if self._runner is not None and not self._runner.dead:
                self._stopping = True
                self._go_on()
        finally:  # a Ctrl-C that came meanwhile
            if self._removal is not None:
                self._removal()
            self._folder = None

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ---------------------------------------------------------------------------------------------

    def _checked(self, commands: Array) -> Array:
        shape = getattr(commands, "shape", None)
        if shape != self._commands.shape:
            raise SimulationError(f"{len(self._actuators)} actuators need an array of as many commands, not {shape}")
        return commands

    def _switch(self) -> Array | None:
        values = self._go_on()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self.close()
            if isinstance(failure, _MissingNamesError):
                raise SimulationError(missing_text(failure.args[0], self._model, self._weather, exchangeable)) from None
            raise failure
        return values

    def _go_on(self) -> Array | None:
        """EnergyPlus, until it hands over or ends; Ctrl-C waits for that."""
        self._caller = greenlet.getcurrent()
        interrupts.enter()
        try:
            values: Array | None = self._runner.switch()
        finally:
            interrupts.leave()
        return values

    def _run(self) -> None:
        """The greenlet's body: the whole EnergyPlus run."""
        lib = self._lib
        state = self._state = lib.stateNew()
        assert self._folder is not None
        try:
            lib.setConsoleOutputState(state, 0)
            for name, key in self._requests:
                lib.requestVariable(state, name.encode(), key.encode())
            self._callbacks = [_StateCallback(self._on_ready), _StateCallback(self._on_step)]
            lib.callbackAfterNewEnvironmentWarmupComplete(state, self._callbacks[0])
            if not self._unattended:
                lib.callbackEndOfZoneTimeStepAfterZoneReporting(state, self._callbacks[1])
            code = _command_line(lib, state, "-d", str(self._folder), "-w", str(self._weather), str(self._model))
            if code != 0 and not self._stopping and self._failure is None:
                self._failure = SimulationError(_failure_text(self._folder, self._model))
        finally:
            lib.stateDelete(state)
            self._state = None
            self._callbacks = []

    def _on_ready(self, state: int) -> None:
        """After warm-up: resolve the handles once, hand over the first values."""
        if self._lib.kindOfSim(state) == _RUN_PERIOD_WEATHER and not self._stopping:
            self._guarded(state, self._begin)

    def _on_step(self, state: int) -> None:
        """End of a zone time step: hand over its values, go on with new commands."""
        if self._ready and not self._stopping:
            self.steps += 1
            self._guarded(state, self._exchange)

    def _guarded(self, state: int, action: Callable[[], None]) -> None:
        """An exception must not leave a C callback: it is kept and the run is stopped."""
        try:
            action()
        except greenlet.GreenletExit:
            self._stopping = True
        except BaseException as error:  # noqa: BLE001 - handed to the caller by _switch
            self._failure = error
            self._stopping = True
        if self._stopping:
            self._lib.stopSimulation(state)

    def _begin(self) -> None:
        if self._ready:
            raise SimulationError(f"{self._model.name} has more than one RunPeriod: keep one")
        self._resolve()
        self._ready = True
        self._exchange()

    def _exchange(self) -> None:
        values = self._read()
        if self._refused():
            raise SimulationError(f"EnergyPlus refused a read or a write at step {self.steps}")
        self._caller.switch(values)
        if not self._stopping:
            self._command(self._commands)

    def _command(self, commands: Array) -> None:
        """Writes what has changed: an actuator keeps its value until it is written again or reset."""
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
        """Finds every handle, once. Raises _MissingNamesError for those that do not exist."""
        lib, state, missing = self._lib, self._state, list[Wanted]()
        names = "getVariableValue", "getMeterValue", "setActuatorValue"
        variable, meter, actuator = (_unchecked(name) for name in names)
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
        self._read = reader(state, readers)
        self._refused = bound(_unchecked("apiErrorFlag"), state)
        if missing:
            raise _MissingNamesError(missing)


class _MissingNamesError(Exception):
    """Names that the model does not have."""


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

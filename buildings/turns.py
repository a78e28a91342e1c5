"""EnergyPlus and its caller take turns: one blocking call that hands over at its callbacks, on the caller's thread.

Where compiled at installation, the call has a stack of its own (`_turns.c`), and no line of Python runs on it. Else it
lives in a greenlet, and its callbacks are Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from . import interrupts

try:
    from ._turns import ON_READY, ON_STEP, OnOwnStack

    COMPILED = True
except ImportError:  # there was no compiler: a step takes some microseconds more
    COMPILED = False

Callback = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
"""The library's callbacks, which get its state. The interpreter lock is kept."""


class Turns(Protocol):
    """A blocking call that can be gone on with until it hands over. All calls are made from one thread."""

    @property
    def steps(self) -> int:
        """Ends of steps that were handed over."""

    @property
    def code(self) -> int:
        """What the call returned."""

    @property
    def ended(self) -> bool:
        """Whether the call has returned; one that has not must be ended before this is forgotten."""

    def go_on(self) -> bool:
        """Runs the call until it hands over or returns; whether a step has ended. Ctrl-C is raised after that.

        Raises RuntimeError for a call that has returned, or that another thread began.
        """


Way = Callable[[Any, int, Sequence[str]], tuple[Turns, Any, Any]]


def on_own_stack(call: Any, state: int, words: Sequence[str]) -> tuple[Turns, Any, Any]:
    """Turns of a C function `int call(state, count, words)`, and its callbacks for «ready» and «end of a step».

    Only where it is `COMPILED`. The callbacks must live as long as the call.
    """
    address = ctypes.cast(call, ctypes.c_void_p).value
    assert address is not None
    return OnOwnStack(address, state, _c_strings(words)), Callback(ON_READY), Callback(ON_STEP)


def in_greenlet(call: Any, state: int, words: Sequence[str]) -> tuple[Turns, Any, Any]:
    """The same with a greenlet."""
    turns = _InGreenlet(call, state, words)
    return turns, Callback(turns.on_ready), Callback(turns.on_step)


take_turns: Way = on_own_stack if COMPILED else in_greenlet
"""The faster way that is there."""


def _c_strings(words: Sequence[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * len(words))(*(word.encode() for word in words))


class _InGreenlet:
    """Turns whose callbacks are Python: see `Turns`."""

    def __init__(self, call: Any, state: int, words: Sequence[str]) -> None:
        import greenlet

        interrupts.install()
        self.steps, self.code = 0, 0
        self._call, self._state, self._words = call, state, _c_strings(words)
        self._here = greenlet.getcurrent
        self._inside = greenlet.greenlet(self._run)
        self._caller: Any = None
        self._failure: BaseException | None = None

    @property
    def ended(self) -> bool:
        return bool(self._inside.dead)

    def go_on(self) -> bool:
        if self.ended:
            raise RuntimeError("the call has ended")
        self._caller = self._here()
        interrupts.enter()
        try:
            stepped: bool = self._inside.switch()
        finally:
            interrupts.leave()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return stepped

    def on_ready(self, state: int) -> None:
        self._hand_over(False)

    def on_step(self, state: int) -> None:
        self.steps += 1
        self._hand_over(True)

    def _run(self) -> bool:
        self.code = self._call(self._state, len(self._words), self._words)
        return False

    def _hand_over(self, stepped: bool) -> None:
        try:
            self._caller.switch(stepped)
        except BaseException as error:  # noqa: BLE001 - must not leave a C callback: the caller raises it
            self._failure = error
            self._caller.switch(stepped)

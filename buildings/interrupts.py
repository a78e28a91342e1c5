"""Ctrl-C while a foreign library is computing: kept until it is back.

Python runs a signal's handler at the next line of Python. During an EnergyPlus run that may be the first line of
a callback, where an exception is lost. While inside, an interrupt is only noted; it is raised on the way out.
Handlers run in the main thread alone: what another thread computes does not keep Ctrl-C from it.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

_main = threading.main_thread().ident  # asked for twice in each step
_inside = False
_pending = False


def install() -> None:
    """Takes over Ctrl-C in the main thread, where nobody else has."""
    if _in_main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_interrupt)


def enter() -> None:
    """From here on an interrupt is only noted."""
    global _inside
    if _in_main_thread():
        _inside = True


def leave() -> None:
    """Raises KeyboardInterrupt if one was noted."""
    global _inside, _pending
    if not _in_main_thread():
        return
    _inside = False
    if _pending:
        _pending = False
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.get_ident() == _main


def _find_main() -> None:
    """In a fork the thread that forked is the main one."""
    global _main
    _main = threading.main_thread().ident


os.register_at_fork(after_in_child=_find_main)


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    global _pending
    if not _inside:
        raise KeyboardInterrupt
    _pending = True

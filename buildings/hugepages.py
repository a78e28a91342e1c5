"""A run's memory in huge pages: EnergyPlus looks into tables of a hundred megabytes in each step.

With pages of 4 KiB many of those looks miss the processor's address cache. A run's tables come from the heap, in huge
pages; nothing happens where Linux grants none, or where another allocator than glibc's is at work. The thresholds of
the allocator stay those below for the rest of the process, and what a closed run leaves free stays with the process
for the next one: about 100 MB a run that was open at the same time.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import platform
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_RUN_BYTES = 256 << 20  # of address space: what a run of the largest building in the catalogue does not reach
_HUGE_BYTES = 2 << 20
_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_MADV_HUGEPAGE = 14  # Source: Linux, include/uapi/asm-generic/mman-common.h

# Source: glibc, malloc/malloc.h (the numbers) and mallopt(3) (what they mean); the last two are the upper ends
# of the thresholds that glibc would otherwise move by itself, and stops moving once one of them is set.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4
_WHILE_STARTING = {_M_MMAP_MAX: 0, _M_TOP_PAD: _RUN_BYTES}
_AFTERWARDS = {_M_MMAP_MAX: 65536, _M_TOP_PAD: 128 << 10, _M_MMAP_THRESHOLD: 32 << 20, _M_TRIM_THRESHOLD: 64 << 20}


@contextlib.contextmanager
def huge_pages() -> Iterator[None]:
    """What is allocated inside comes from the heap, whose free end is in huge pages."""
    libc = _glibc()
    if libc is None or threading.get_ident() != threading.main_thread().ident:  # other threads have other heaps
        yield
        return
    _set(libc, _WHILE_STARTING)
    try:
        if start := libc.malloc(_RUN_BYTES):
            first = -(-start // _HUGE_BYTES) * _HUGE_BYTES
            libc.madvise(first, start + _RUN_BYTES - first, _MADV_HUGEPAGE)  # it only fails to help
            libc.free(start)
        yield
    finally:
        _set(libc, _AFTERWARDS)


def _set(libc: Any, options: dict[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)


def _granted() -> bool:
    """Whether Linux gives huge pages to those who ask."""
    try:
        return "[never]" not in _SETTING.read_text()
    except OSError:
        return False


@functools.cache
def _glibc() -> Any:
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc" or not _granted():
        return None
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    return libc

"""Huge pages for a run's memory: got where Linux grants them, and allocation as it was afterwards."""

from __future__ import annotations

import ctypes
import re
import threading
from pathlib import Path

import pytest

from airhandler.buildings.hugepages import huge_pages
from tests.buildings.test_fork import started

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux only")

_BIG = 1 << 30  # more than what is free in the heap


def huge_bytes() -> int:
    """This process's memory in huge pages. Source: Linux, proc(5), smaps_rollup."""
    found = re.search(r"AnonHugePages: +(\d+) kB", Path("/proc/self/smaps_rollup").read_text())
    assert found is not None
    return 1024 * int(found[1])


def from_heap() -> bool:
    """Whether a big block comes from the heap, and not from a mapping of its own."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    block = libc.malloc(_BIG)
    heap = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[heap]")]
    libc.free(block)
    return any(int(a, 16) <= block < int(b, 16) for a, b in (part.split("-") for part in heap))


def test_a_run_has_most_of_its_memory_in_huge_pages() -> None:
    run = started("datacentre-dx", 1)
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    granted = setting.exists() and "[never]" not in setting.read_text()
    assert (huge_bytes() > 0) == granted
    run.close()


def test_only_what_is_made_inside_comes_from_the_heap() -> None:
    assert not from_heap()
    with huge_pages():
        assert from_heap()
    assert not from_heap()
    with pytest.raises(KeyError), huge_pages():
        raise KeyError
    assert not from_heap()


def test_another_thread_is_left_alone() -> None:
    seen: list[bool] = []

    def look() -> None:
        with huge_pages():
            seen.append(from_heap())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [False]

"""Jobs in processes of their own, their results as they come."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from airhandler.buildings.errors import AirhandlerError
from airhandler.buildings.processes import begin_job


def in_processes[T](
    function: Callable[..., T],
    jobs: Iterable[tuple[object, ...]],
    processes: int,
    begin: Callable[[], None] = begin_job,
) -> Iterator[T]:
    """Results of a function for each job's arguments, in no order.

    Args:
        function: of a module's top level.
        jobs: its arguments; read as processes become free.
        processes: how many run at once.
        begin: begins each process.

    Raises AirhandlerError where a process is killed.
    """
    left, context = iter(jobs), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=begin) as pool:
        # No more than can run: whoever interrupts waits for these at most.
        running = {pool.submit(function, *job) for job in itertools.islice(left, processes)}
        try:
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(function, *job) for job in itertools.islice(left, len(finished))}
                yield from (future.result() for future in finished)
        except BrokenProcessPool as error:
            raise AirhandlerError("a process of the benchmark was killed: out of memory?") from error

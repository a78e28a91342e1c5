"""All worker processes of one parent, asked together and answering together."""

from __future__ import annotations

import contextlib
import itertools
import logging
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym

from .errors import AirhandlerError, UserError
from .vector_hosting import Hosting, Maker
from .vector_memory import Layout
from .vector_process import Worker
from .vector_scratch import Scratch

_log = logging.getLogger(__name__)

_ANSWERED = (AirhandlerError, AttributeError, RuntimeError)  # what the kinds of Failed can be


class Workers:
    """All workers of one parent. A request to all is answered by all before the first failure is raised.

    Args:
        makers: what makes each environment; neighbours share a worker.
        processes: how many workers.
        hosting: what every worker is told.
    """

    def __init__(self, makers: Sequence[Maker], processes: int, hosting: Hosting) -> None:
        bounds = [len(makers) * i // processes for i in range(processes + 1)]
        self.all = [
            Worker(i, range(first, end), _pickled(makers[first:end]), hosting)
            for i, (first, end) in enumerate(itertools.pairwise(bounds))
        ]

    def start(self, scratch: Scratch, memory: int) -> list[tuple[gym.Space[Any], gym.Space[Any]]]:
        """Starts all, see Worker; returns the spaces of observation and action of each environment, in order."""
        with self._whole():
            for worker in self.all:
                worker.start(scratch, memory)
        return list(itertools.chain.from_iterable(self.answers()))

    def dead(self) -> list[Worker]:
        """Those that have ended."""
        return [worker for worker in self.all if not worker.lives()]

    def replace(self, dead: Sequence[Worker], scratch: Scratch, memory: int, layout: Layout) -> None:
        """Starts anew those that have ended."""
        try:
            with self._whole():
                for worker in dead:
                    _log.warning("%s; it is started anew", worker.obituary())
                    worker.start(scratch, memory)
            self.answers(dead)
            self.ask([("share", layout)] * len(dead), dead)
            self.answers(dead)
        except BaseException:
            for worker in dead:
                worker.stop(grace_s=0)
            raise

    def ask(self, requests: Sequence[tuple[Any, ...]], workers: Sequence[Worker] | None = None) -> None:
        """Sends each worker, or each of some, its request."""
        with self._whole():
            for worker, request in zip(self.all if workers is None else workers, requests, strict=True):
                worker.ask(*request)

    def answers(self, workers: Sequence[Worker] | None = None) -> list[Any]:
        """The answers to `ask`. Raises the first failure once all have answered, with the words of the others."""
        answers, failures = [], list[Exception]()
        with self._whole():
            for worker in self.all if workers is None else workers:
                try:
                    answers.append(worker.answer())
                except _ANSWERED as failure:
                    failures.append(failure)
        if failures:
            for other in failures[1:]:
                failures[0].add_note(f"and {other}")
            raise failures[0]
        return answers

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return any(worker.due for worker in self.all)

    def drop_answers(self) -> None:
        """Waits for the answers that are due, and forgets them."""
        with contextlib.suppress(*_ANSWERED):
            self.answers([worker for worker in self.all if worker.due])

    def stop(self) -> None:
        """Ends all."""
        for worker in self.all:
            worker.hang_up()
        try:
            for worker in self.all:
                worker.stop()
        finally:  # a second Ctrl-C
            for worker in self.all:
                worker.stop(grace_s=0)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """An interruption (Ctrl-C) leaves no answer behind that a later request would take for its own."""
        try:
            yield
        except BaseException:
            for worker in self.all:
                if worker.due:
                    worker.stop(grace_s=0, words="was stopped in the middle of its work by an interruption")
            raise


def _pickled(makers: Sequence[Maker]) -> bytes:
    try:
        return pickle.dumps(list(makers))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"{error}: what makes an environment must be a function at the top of a module, or a partial of one"
        ) from error

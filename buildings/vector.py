"""Environments side by side in processes: Gymnasium's VectorEnv over workers and shared memory."""

from __future__ import annotations

import itertools
import operator
import os
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from .codec import Float32
from .errors import SimulationError, UserError
from .vector_hosting import Hosting, Info, Maker
from .vector_memory import Layout, SharedArrays, shared_file
from .vector_scratch import Scratch
from .vector_workers import Workers

Step = tuple[Float32, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], list[Info]]


class ParallelEnvs(VectorEnv[Float32, Float32, NDArray[Any]]):
    """Environments spread over worker processes, stepped together.

    Environment `i` is seeded with `seed + i` and is always made by `makers[i]`: what it does is the same whatever
    the number of processes. When a worker dies, the next step raises a SimulationError that names it and its
    environments. An error in an environment comes back as it was raised there, with its place. After either,
    `reset` begins anew. Workers end with this process, however it ends.

    Args:
        makers: each makes one environment with boxes as spaces; pickled, so a function at the top of a module or a
            functools.partial of one.
        processes: how many workers; by default as many as there are processors, at most one an environment.
        autoreset: NEXT_STEP or SAME_STEP, see Gymnasium's VectorEnv.
        infos: the names in the environments' infos that a step returns; None: all. The info of an episode's last
            step and of a reset is always whole.
        restart: `reset` starts dead workers anew instead of raising SimulationError.
        scratch: where to put the workers' temporary files; by default the folder for temporary files.
    """

    def __init__(
        self,
        makers: Sequence[Maker],
        *,
        processes: int | None = None,
        autoreset: AutoresetMode = AutoresetMode.NEXT_STEP,
        infos: Sequence[str] | None = None,
        restart: bool = False,
        scratch: Path | None = None,
    ) -> None:
        self.num_envs, self._restart = len(makers), restart
        if autoreset is AutoresetMode.DISABLED:
            raise UserError("parallel environments reset themselves: autoreset must be NEXT_STEP or SAME_STEP")
        processes = min(len(os.sched_getaffinity(0)), self.num_envs) if processes is None else processes
        if not 1 <= processes <= self.num_envs:
            raise UserError(
                f"processes must be from 1 to the number of environments, {self.num_envs}: it is {processes}"
            )
        hosting = Hosting(autoreset=autoreset, infos=None if infos is None else tuple(infos))
        self._workers = Workers(makers, processes, hosting)
        self._scratch, self._memory = Scratch(scratch), shared_file()
        self._end = weakref.finalize(self, _end, self._workers, self._scratch, self._memory, os.getpid())
        self._begun = False
        self.metadata = {"autoreset_mode": autoreset}
        try:
            self._share()
        except BaseException:
            self.close()
            raise

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(worker.pid for worker in self._workers.all)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32, dict[str, Any]]:
        """Begins an episode in every environment; `seed` is that of the first, or one for each."""
        if seed is None or isinstance(seed, int | np.integer):
            seed = None if seed is None else operator.index(seed)
            super().reset(seed=seed)
            seed = [None if seed is None else seed + i for i in range(self.num_envs)]
        observations, infos = self.reset_each(seed, [options] * self.num_envs)
        return observations, self._batched(infos)

    def reset_each(
        self, seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
    ) -> tuple[Float32, list[Info]]:
        """Begins an episode in every environment, each with its seed and options; infos one by one.

        Raises SimulationError if a worker is dead, unless dead ones are started anew. The environments of those,
        where they are given no seed, take one from this object's `np_random`.
        """
        self._check_open()
        for what, given in ("seeds", seeds), ("options", options):
            if len(given) != self.num_envs:
                raise UserError(f"{what}: {len(given)} for {self.num_envs} environments: give one to each")
        seeds = [None if seed is None else operator.index(seed) for seed in seeds]
        self._begun = False
        self._workers.drop_answers()
        for row in self._revived():
            seeds[row] = int(self.np_random.integers(2**31)) if seeds[row] is None else seeds[row]
        rows = [worker.rows for worker in self._workers.all]
        self._workers.ask([("reset", seeds[r.start : r.stop], options[r.start : r.stop]) for r in rows])
        infos = _joined(self._workers.answers())
        self._begun = True
        return self._arrays.observations.copy(), infos

    def step(self, actions: Float32) -> tuple[Float32, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One step of every environment under actions [num_envs, ...]. Raises SimulationError, see the class."""
        self.step_async(actions)
        observations, rewards, terminated, truncated, infos = self.step_wait()
        return observations, rewards, terminated, truncated, self._batched(infos)

    def step_async(self, actions: Float32) -> None:
        """Has the workers begin a step."""
        self._check_free()
        if not self._begun:
            raise SimulationError("no episode is running: call reset() first")
        if np.shape(actions) != self._arrays.actions.shape:
            raise UserError(f"actions must have shape {self._arrays.actions.shape}: it is {np.shape(actions)}")
        self._begun = False  # until the step is whole
        self._arrays.actions[:] = actions
        self._workers.ask([("step",)] * len(self._workers.all))

    def step_wait(self) -> Step:
        """The end of the step that has begun; as that of `step`, but the infos one by one."""
        if not self._workers.waiting:
            raise SimulationError("no step has begun: call step_async() first")
        infos = _joined(self._workers.answers())
        self._begun = True
        arrays = self._arrays
        rewards, terminated, truncated = arrays.rewards.copy(), arrays.terminated.copy(), arrays.truncated.copy()
        return arrays.observations.copy(), rewards, terminated, truncated, infos

    def get_attr(self, name: str, indices: Sequence[int] | None = None) -> tuple[Any, ...]:
        """An attribute of each environment, or of some."""
        return self._of_each("get", indices, name)

    def set_attr(self, name: str, values: Any, indices: Sequence[int] | None = None) -> None:
        """Sets an attribute of each environment, or of some: to one value, or to those of a list or tuple."""
        rows = range(self.num_envs) if indices is None else indices
        each = values if isinstance(values, list | tuple) else [values] * len(rows)
        self._of_each("assign", rows, name, dict(zip(rows, each, strict=True)))

    def call(self, name: str, *args: Any, indices: Sequence[int] | None = None, **kwargs: Any) -> tuple[Any, ...]:
        """The results of a method of each environment, or of some."""
        return self._of_each("call", indices, name, args, kwargs)

    def classes(self, indices: Sequence[int] | None = None) -> tuple[set[str], ...]:
        """The full names of the classes of each environment and of all that it wraps, bases included."""
        return self._of_each("classes", indices)

    def close_extras(self, **_: Any) -> None:
        """Ends the workers and removes what they left; what `close` calls."""
        self._end()

    def _share(self) -> None:
        """Starts the workers and lays out the shared arrays by the spaces that they answer with."""
        spaces = self._workers.start(self._scratch, self._memory)
        if any(other != spaces[0] for other in spaces):
            raise UserError("parallel environments must have the same spaces of observation and action")
        self.single_observation_space, self.single_action_space = spaces[0]
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._layout = Layout.of(self.num_envs, *spaces[0])
        self._arrays = SharedArrays(self._memory, self._layout)
        self._workers.ask([("share", self._layout)] * len(self._workers.all))
        self._workers.answers()

    def _revived(self) -> list[int]:
        """Starts dead workers anew; returns their environments. Raises SimulationError if that is not wanted."""
        dead = self._workers.dead()
        if dead and not self._restart:
            raise SimulationError("; ".join(worker.obituary() for worker in dead))
        if dead:
            self._workers.replace(dead, self._scratch, self._memory, self._layout)
        return [row for worker in dead for row in worker.rows]

    def _of_each(self, request: str, indices: Sequence[int] | None, *arguments: Any) -> tuple[Any, ...]:
        self._check_free()
        rows = range(self.num_envs) if indices is None else indices
        asked = {worker: [row for row in rows if row in worker.rows] for worker in self._workers.all}
        asked = {worker: part for worker, part in asked.items() if part}
        self._workers.ask([(request, part, *arguments) for part in asked.values()], list(asked))
        found = dict(zip(_joined(asked.values()), _joined(self._workers.answers(list(asked))), strict=True))
        return tuple(found[row] for row in rows)

    def _batched(self, infos: Sequence[Info]) -> dict[str, Any]:
        """Infos as Gymnasium's VectorEnv gives them: an array and a mask under each name."""
        batched: dict[str, Any] = {}
        for i, info in enumerate(infos):
            batched = self._add_info(batched, info, i)
        return batched

    def _check_open(self) -> None:
        if self.closed:
            raise SimulationError("these environments are closed: make new ones")

    def _check_free(self) -> None:
        self._check_open()
        if self._workers.waiting:
            raise SimulationError("a step has begun: call step_wait() first")


def _joined[T](parts: Iterable[Iterable[T]]) -> list[T]:
    return list(itertools.chain.from_iterable(parts))


def _end(workers: Workers, scratch: Scratch, memory: int, owner: int) -> None:
    """What `close` does, also when the object is forgotten or the interpreter ends; not in a fork of its owner."""
    if os.getpid() != owner:
        return
    try:
        workers.stop()
    finally:
        scratch.close()
        os.close(memory)

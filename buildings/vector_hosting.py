"""The environments of one worker process, in their rows of the shared arrays."""

from __future__ import annotations

import contextlib
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from .errors import AirhandlerError, SimulationError, UserError
from .vector_memory import Layout, SharedArrays

Maker = Callable[[], gym.Env[Any, Any]]
Info = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosting:
    """What every worker is told.

    Attributes:
        autoreset: where the next episode begins: in the step that ended the last one, or in the one after it.
        infos: the names in an environment's info that come back from a step; None: all. At the end of an
            episode, and from a reset, the whole info comes back.
    """

    autoreset: AutoresetMode
    infos: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """The answer to a request that failed: in which environment, if in one, with which error to raise and its words.

    An error of our tree stays what it is, and so does an AttributeError, which says that there is no such attribute;
    the machine's (a full disk) is a SimulationError; any other is a mistake in a program, a RuntimeError.
    """

    at: int | None
    kind: type[Exception]
    words: str
    trace: str


class Hosted:
    """The environments of this process, the first of them in row `first`. Each method answers one request.

    Attributes:
        at: the row that is being worked: it names the environment when one fails.
    """

    def __init__(self, memory: int, first: int, hosting: Hosting) -> None:
        self._memory, self._first, self._hosting = memory, first, hosting
        self._envs: list[gym.Env[Any, Any]] = []
        self._arrays: SharedArrays
        self.at: int | None = None

    def make(self, makers: bytes) -> list[tuple[gym.Space[Any], gym.Space[Any]]]:
        """Makes the environments; returns the spaces of observation and action of each."""
        for maker in _unpickled(makers):
            self.at = self._first + len(self._envs)
            self._envs.append(maker())
        return [(env.observation_space, env.action_space) for env in self._envs]

    def share(self, layout: Layout) -> None:
        """Opens the shared arrays, once their shapes are known."""
        self._arrays = SharedArrays(self._memory, layout)

    def reset(self, seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]) -> list[Info]:
        """Begins an episode in every environment."""
        arrays, infos = self._arrays, []
        for (i, env), seed, option in zip(self._rows(), seeds, options, strict=True):
            arrays.observations[i], info = env.reset(seed=seed, options=option)
            arrays.rewards[i], arrays.terminated[i], arrays.truncated[i] = 0.0, False, False
            infos.append(info)
        return infos

    def step(self) -> list[Info]:
        """One step of every environment, or the beginning of its next episode."""
        return [self._step(i, env) for i, env in self._rows()]

    def get(self, rows: Sequence[int], name: str) -> list[Any]:
        """An attribute of environments, wherever in their wrappers it stands."""
        return [env.get_wrapper_attr(name) for _, env in self._rows(rows)]

    def assign(self, rows: Sequence[int], name: str, values: Mapping[int, Any]) -> list[bool]:
        """Sets an attribute, where the wrappers have it, to the value of its row."""
        return [env.set_wrapper_attr(name, values[i]) for i, env in self._rows(rows)]

    def call(self, rows: Sequence[int], name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The results of a method."""
        return [env.get_wrapper_attr(name)(*args, **kwargs) for _, env in self._rows(rows)]

    def classes(self, rows: Sequence[int]) -> list[set[str]]:
        """The full names of the classes of environments and of all that they wrap, bases included."""
        return [set(_classes(env)) for _, env in self._rows(rows)]

    def close(self) -> None:
        """Closes every environment, also when one cannot be."""
        with contextlib.ExitStack() as closings:
            for env in self._envs:
                closings.callback(env.close)

    def _step(self, i: int, env: gym.Env[Any, Any]) -> Info:
        arrays, mode = self._arrays, self._hosting.autoreset
        if mode is AutoresetMode.NEXT_STEP and (arrays.terminated[i] or arrays.truncated[i]):
            arrays.observations[i], info = env.reset()
            arrays.rewards[i], arrays.terminated[i], arrays.truncated[i] = 0.0, False, False
            return info
        observation, reward, terminated, truncated, info = env.step(arrays.actions[i].copy())
        arrays.rewards[i], arrays.terminated[i], arrays.truncated[i] = reward, terminated, truncated
        if mode is AutoresetMode.SAME_STEP and (terminated or truncated):
            arrays.observations[i], begun = env.reset()
            return {**begun, "final_obs": observation, "final_info": info}
        arrays.observations[i] = observation
        return info if terminated or truncated else self._wanted(info)

    def _wanted(self, info: Info) -> Info:
        names = self._hosting.infos
        return info if names is None else {name: info[name] for name in names if name in info}

    def _rows(self, rows: Sequence[int] | None = None) -> Iterator[tuple[int, gym.Env[Any, Any]]]:
        for row in range(self._first, self._first + len(self._envs)) if rows is None else rows:
            self.at = row
            yield row, self._envs[row - self._first]


def answer(hosted: Hosted, request: str, arguments: Sequence[Any]) -> bytes:
    """The pickled answer to a request by the name of its method: what that returns, or Failed."""
    hosted.at = None
    try:
        return pickle.dumps(getattr(hosted, request)(*arguments))
    except Exception as error:  # noqa: BLE001 - it belongs to the parent
        return pickle.dumps(_failed(hosted.at, error))


def _failed(at: int | None, error: Exception) -> Failed:
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, AirhandlerError | AttributeError):
        return Failed(at=at, kind=type(error), words=str(error), trace=trace)
    kind = SimulationError if isinstance(error, OSError) else RuntimeError
    return Failed(at=at, kind=kind, words=f"{type(error).__name__}: {error}", trace=trace)


def _unpickled(makers: bytes) -> list[Maker]:
    try:
        return list(pickle.loads(makers))
    except (AttributeError, ImportError) as error:
        raise UserError(
            f"{error}: what makes an environment must stand in a module that can be imported, not in a script"
        ) from error


def _classes(env: gym.Env[Any, Any]) -> Iterator[str]:
    layer: gym.Env[Any, Any] | None = env
    while layer is not None:
        yield from (f"{c.__module__}.{c.__qualname__}" for c in type(layer).__mro__)
        layer = layer.env if isinstance(layer, gym.Wrapper) else None

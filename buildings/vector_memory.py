"""Memory that a parent and its worker processes share: what goes in and comes out of every environment.

It is an anonymous file (memfd): it has no name that could be left behind, and is gone with the last process that
has it open, however that ends.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from math import prod
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from .errors import UserError

_LINE_BYTES = 64  # of the processor's cache: an array that begins on a line of its own is aligned for every type


def shared_file() -> int:
    """A new anonymous file, empty, as a descriptor."""
    return os.memfd_create("airhandler-vector", os.MFD_CLOEXEC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where each array lies: how many environments, and shape and type of one observation and of one action."""

    environments: int
    observation: tuple[tuple[int, ...], str]
    action: tuple[tuple[int, ...], str]

    @staticmethod
    def of(environments: int, observation: gym.Space[Any], action: gym.Space[Any]) -> Layout:
        """The layout for so many environments with these spaces. Raises UserError unless both are boxes."""
        for space in (observation, action):
            if not isinstance(space, gym.spaces.Box):
                raise UserError(f"parallel environments need boxes as observation and action spaces, not {space}")
        shapes = [(tuple(space.shape or ()), np.dtype(space.dtype).str) for space in (observation, action)]
        return Layout(environments=environments, observation=shapes[0], action=shapes[1])

    def arrays(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and type of each array of `SharedArrays`, in the order in which they lie."""
        n = self.environments
        return {
            "observations": ((n, *self.observation[0]), np.dtype(self.observation[1])),
            "actions": ((n, *self.action[0]), np.dtype(self.action[1])),
            "rewards": ((n,), np.dtype(np.float64)),
            "terminated": ((n,), np.dtype(np.bool_)),
            "truncated": ((n,), np.dtype(np.bool_)),
        }

    @property
    def size_bytes(self) -> int:
        """Size of the whole."""
        return sum(_padded(shape, dtype) for shape, dtype in self.arrays().values())


class SharedArrays:
    """One row an environment in each array; who writes and who reads is settled by the messages between them.

    Attributes:
        observations: [n, ...], written by the workers.
        actions: [n, ...], written by the parent.
        rewards: [n] float64, written by the workers, as are
        terminated, truncated: [n] bool.
    """

    observations: NDArray[Any]
    actions: NDArray[Any]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]

    def __init__(self, file: int, layout: Layout) -> None:
        if os.fstat(file).st_size < layout.size_bytes:
            os.ftruncate(file, layout.size_bytes)
        memory, offset = mmap.mmap(file, layout.size_bytes), 0
        for name, (shape, dtype) in layout.arrays().items():
            array = np.frombuffer(memory, dtype, prod(shape), offset).reshape(shape)
            setattr(self, name, array)
            offset += _padded(shape, dtype)


def _padded(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return -(-prod(shape) * dtype.itemsize // _LINE_BYTES) * _LINE_BYTES

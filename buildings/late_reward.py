"""A reward that is given late, as under stress; what it is made of is told at once."""

from __future__ import annotations

from collections import deque

from .known import Array
from .reward import UNPRICED, Priced, Reward, Terms


class LateReward:
    """The reward of `steps` steps ago; at first that of the episode's first step, as the real-world RL suite has it."""

    def __init__(self, reward: Reward, steps: int) -> None:
        self._reward, self._steps = reward, steps
        self._due: deque[float] = deque()

    def begin(self) -> None:
        """Begins an episode."""
        self._due.clear()

    def __call__(self, values: Array, priced: Priced = UNPRICED) -> Terms:
        terms = self._reward(values, priced)
        if not self._due:
            self._due.extend([terms.reward] * self._steps)
        self._due.append(terms.reward)
        return terms._replace(reward=self._due.popleft())

"""How commands arrive at a building under stress: late, with noise, and held for a while.

This lies between what is written and the building, behind the shield: the shield judges what is commanded, and
what it knows of the past is what was commanded. Equipment faults act on what arrives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from .known import Array
from .noise import generator
from .points import Point
from .stress import Stress


class Actuators:
    """The way of the commands of one run.

    A command arrives `delay_steps` after it was given; until the first does, the building's own control has the
    set-point. Noise is added then, within the set-point's range. What has arrived stays for `held_steps`.

    Args:
        stress: how bad it is.
        setpoints: of the command arrays, in order.
        steps: of the run.
        seed: of the noise.
    """

    def __init__(self, stress: Stress, setpoints: Sequence[Point], *, steps: int, seed: int) -> None:
        self._low = np.array([p.low for p in setpoints])
        self._high = np.array([p.high for p in setpoints])
        sd = stress.noise_sd * (self._high - self._low) / 2.0
        self._noise = sd * generator(seed, 0, "actuators").standard_normal((steps, len(setpoints)))
        self._under_way = deque([np.full(len(setpoints), np.nan)] * stress.delay_steps)
        self._held_steps = stress.held_steps
        self._step, self._arrived = 0, np.empty(0)

    def arrive(self, command: Array) -> Array:
        """What arrives in this step when `command` is given [setpoints]; NaN: the building's own control."""
        self._under_way.append(command)
        late = self._under_way.popleft()
        if self._step % self._held_steps == 0:
            self._arrived = np.clip(late + self._noise[self._step], self._low, self._high)
        self._step += 1
        return self._arrived

"""Stress levels: the combined challenges of the real-world RL suite, as far as they make sense for a building.

Of the suite: how late, how noisy, how often stuck and dropped; that commands arrive late, with noise, and are held;
that rewards come late; that the physics are drawn anew, uniformly, in every episode. Ours: the range of a sensor or a
set-point is the scale of its noise, people and shares are without it, a dropped value is absent where the suite shows
0, and the physics are those of the building file's `randomise` section, in the same ranges at every level. Not here:
the suite's random features that mean nothing.

Source: Dulac-Arnold et al., Challenges of real-world reinforcement learning, Machine Learning 110 (2021); the figures
as in its code, google-research/realworldrl_suite, environments/realworld_env.py, get_combined_challenge.
"""

from __future__ import annotations

from collections.abc import Mapping

from .catalog import Building
from .errors import UserError
from .faults import Fault
from .instrumentation import measured_points
from .sensor_faults import SensorFault
from .settings import Observation
from .strict import Strict


class Stress(Strict):
    """One level.

    Attributes:
        delay_steps: how late every sensor shows, and every command arrives [control steps].
        noise_sd: standard deviation of noise, on observations and on set-points scaled to -1..1.
        spell_probability: that a sensor drops out, or gets stuck, in a step.
        spell_steps: how long it does [control steps].
        held_steps: how long a command stays once it has arrived, whatever follows it [control steps].
        reward_delay_steps: how late the reward of a step is given [control steps].
    """

    delay_steps: int
    noise_sd: float
    spell_probability: float
    spell_steps: int
    held_steps: int
    reward_delay_steps: int


STRESS: Mapping[int, Stress] = {
    1: Stress(delay_steps=3, noise_sd=0.1, spell_probability=0.01, spell_steps=1, held_steps=1, reward_delay_steps=10),
    2: Stress(delay_steps=6, noise_sd=0.3, spell_probability=0.05, spell_steps=5, held_steps=2, reward_delay_steps=20),
    3: Stress(delay_steps=9, noise_sd=1.0, spell_probability=0.10, spell_steps=10, held_steps=3, reward_delay_steps=40),
}
"""Easy, medium and hard."""


def find_stress(level: int) -> Stress:
    """A level by its number. Raises UserError for one that there is not."""
    if level not in STRESS:
        raise UserError(f"stress {level}: must be one of {', '.join(map(str, STRESS))}")
    return STRESS[level]


_COUNTED = ("people", "1")
"""Units of what is counted or computed, not measured: such a value has no noise."""


def stress_faults(level: int, building: Building) -> tuple[Fault, ...]:
    """What a level does to sensors: to every one that a policy observes. Raises UserError for another level."""
    stress, measured = find_stress(level), {p.name for p in measured_points(building)}
    faults: list[Fault] = []
    for seen in (o for o in building.observations if o.point in measured):
        noise = () if building.point(seen.point).unit in _COUNTED else (_noise(seen, stress),)
        spell = {"value": stress.spell_probability, "steps": stress.spell_steps}
        sensors = (
            *noise,
            SensorFault(point=seen.point, kind="delay", steps=stress.delay_steps),
            SensorFault.model_validate({"point": seen.point, "kind": "stuck", **spell}),
            SensorFault.model_validate({"point": seen.point, "kind": "dropout", **spell}),
        )
        faults += [Fault(text=f"stress {level}: {s.point}:{s.kind}", sensor=s) for s in sensors]
    return tuple(faults)


def _noise(seen: Observation, stress: Stress) -> SensorFault:
    return SensorFault(point=seen.point, kind="noise", value=stress.noise_sd * (seen.high - seen.low) / 2.0)

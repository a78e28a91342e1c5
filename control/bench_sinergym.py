"""Sinergym's own two-zone environment, timed: `python bench_sinergym.py STEPS RESETS` prints speed and resets as JSON.

Run in a process of its own: importing Sinergym takes seconds and changes global settings.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ENVIRONMENT = "Eplus-datacenter_dx-chicago-continuous-v1"
ACTION = (25.0,)  # cooling set-point [degC], constant: the speed is that of the exchange, not of a restless building


def energyplus_folder(folder: Path) -> None:
    """Makes a folder that Sinergym accepts as EPLUS_PATH: it needs a dictionary to parse DDY files with.

    The newest that eppy packages (9.2) is enough: the fields of design days have not changed since.
    """
    import eppy

    dictionaries = Path(eppy.__file__).parent / "resources" / "iddfiles"
    shutil.copy(dictionaries / "Energy+V9_2_0.idd", folder / "Energy+.idd")
    os.environ["EPLUS_PATH"] = str(folder)


def measure(steps: int, resets: int) -> dict[str, object]:
    """Sinergym's `reset_s` [resets], the first of the process left out, and its `steps_per_s` with a constant action.

    Gymnasium's own wrappers (its checker among them) are left out, as they are where ours is measured.
    """
    import gymnasium as gym
    import numpy as np
    import sinergym  # noqa: F401 - registers the environments

    logging.disable(logging.CRITICAL)
    env = gym.make(ENVIRONMENT).unwrapped
    env.reset(seed=0)
    reset_s = []
    for i in range(resets):
        began = perf_counter()
        env.reset(seed=i)
        reset_s.append(perf_counter() - began)
    action = np.array(ACTION, dtype=np.float32)
    began = perf_counter()
    for _ in range(steps):
        _, _, _, truncated, _ = env.step(action)
        if truncated:
            raise RuntimeError("the episode ended early")
    speed = steps / (perf_counter() - began)
    env.close()
    return {"reset_s": reset_s, "steps_per_s": speed}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        energyplus_folder(Path(name))
        os.chdir(name)
        print(json.dumps(measure(*map(int, sys.argv[1:]))))  # noqa: T201 - this script's result

"""Sinergym's action spaces, which its configurations hold as Python expressions: read as syntax, never evaluated.

`gym.spaces.Box(low=np.array([20.0], ...), high=...)` is a text in the YAML; the tables of the discrete environments
are functions in Sinergym's `utils/constants.py`, one named after each building.
"""

from __future__ import annotations

import ast
import math
from pathlib import Path

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .errors import UserError
from .settings import Strict

Float32 = NDArray[np.float32]


class Bounds(Strict):
    """Lowest and highest value of every actuator, in physical units."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def space(self) -> gym.spaces.Box:
        """As Sinergym's own space: float32 in physical units."""
        return gym.spaces.Box(np.array(self.low, np.float32), np.array(self.high, np.float32), dtype=np.float32)


class Choices(Strict):
    """How many choices there are: one number for a Discrete space, several for a MultiDiscrete one."""

    counts: tuple[int, ...]
    several: bool

    def space(self) -> gym.spaces.Discrete | gym.spaces.MultiDiscrete:
        """As Sinergym's own space."""
        return gym.spaces.MultiDiscrete(list(self.counts)) if self.several else gym.spaces.Discrete(self.counts[0])


class ActionTable(Strict):
    """What a discrete action stands for: a row for each choice, or, without rows, the action plus an offset."""

    rows: dict[int, tuple[float, ...]] = Field(default={})
    offsets: dict[int, float] = Field(default={})

    def values(self, action: object) -> Float32:
        """The actuators' values [len(actuators)] of a discrete action. Raises UserError for one that is not there."""
        if not self.rows:
            values = np.array(action, dtype=np.float32)
            for index, offset in self.offsets.items():
                values[index] += offset
            return values
        choice = int(np.asarray(action).item())
        if choice not in self.rows:
            raise UserError(f"action {choice}: must be one of {', '.join(map(str, self.rows))}")
        return np.array(self.rows[choice], dtype=np.float32)


def bounds(text: object) -> Bounds:
    """Reads `gym.spaces.Box(low=..., high=...)`. Raises ValueError for anything else."""
    arguments = _arguments(text, "Box")
    low, high = (_numbers(_argument(arguments, name, text)) for name in ("low", "high"))
    if len(low) != len(high) or not all(a < b for a, b in zip(low, high, strict=True)):
        raise ValueError(f"low {list(low)} must be below high {list(high)}, entry by entry")
    return Bounds(low=low, high=high)


def choices(text: object) -> Choices:
    """Reads `gym.spaces.Discrete(n)` or `gym.spaces.MultiDiscrete(nvec=...)`. Raises ValueError for anything else."""
    several = isinstance(text, str) and "MultiDiscrete" in text
    arguments = _arguments(text, "MultiDiscrete" if several else "Discrete")
    counts = _numbers(_argument(arguments, "nvec", text)) if several else (_number(_argument(arguments, "n", text)),)
    if not all(n >= 1 and n.is_integer() for n in counts):
        raise ValueError(f"the number of choices must be a whole number from 1, not {list(counts)}")
    return Choices(counts=tuple(int(n) for n in counts), several=several)


def action_table(path: Path, id_base: str) -> ActionTable:
    """The discrete actions of a building, from the source of Sinergym's constants. Raises UserError if not there."""
    name = f"DEFAULT_{id_base.upper()}_DISCRETE_FUNCTION"
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            rows, offsets = _rows(node), _offsets(node)
            if rows or offsets:
                return ActionTable(rows=rows, offsets=offsets)
    raise UserError(f"{path}: {name}: no table of actions found")


def _rows(function: ast.FunctionDef) -> dict[int, tuple[float, ...]]:
    """`mapping = {0: np.array([12, 30]), ...}`."""
    literals = [node.value for node in function.body if isinstance(node, ast.Assign)]
    tables = [literal for literal in literals if isinstance(literal, ast.Dict)]
    return {
        int(_number(key)): _numbers(value)
        for table in tables
        for key, value in zip(table.keys, table.values, strict=True)
        if key is not None
    }


def _offsets(function: ast.FunctionDef) -> dict[int, float]:
    """`action[5] += 25`."""
    return {
        int(_number(node.target.slice)): _number(node.value)
        for node in function.body
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and isinstance(node.target, ast.Subscript)
    }


def _arguments(text: object, kind: str) -> dict[str, ast.expr]:
    """Arguments of `gym.spaces.KIND(...)` by name; the first without a name is called `n`."""
    wanted = f"gym.spaces.{kind}"
    try:
        call = ast.parse(str(text).strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"must be {wanted}(...), and is not Python: {error.msg}") from None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) not in (wanted, f"gymnasium.spaces.{kind}"):
        raise ValueError(f"must be {wanted}(...)")
    return {"n": call.args[0]} if call.args else {k.arg: k.value for k in call.keywords if k.arg}


def _argument(arguments: dict[str, ast.expr], name: str, text: object) -> ast.expr:
    if name not in arguments:
        raise ValueError(f"{name!r} is missing in {text}")
    return arguments[name]


def _numbers(node: ast.expr) -> tuple[float, ...]:
    """`np.array([1.0, 2.0], dtype=...)` or a bare list."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.array", "numpy.array") and node.args:
        node = node.args[0]
    if not isinstance(node, ast.List | ast.Tuple) or not node.elts:
        raise ValueError(f"must be np.array([number, ...]), not {ast.unparse(node)}")
    return tuple(_number(item) for item in node.elts)


def _number(node: ast.expr) -> float:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"must be a finite number, not {ast.unparse(node)}")
    return float(value)

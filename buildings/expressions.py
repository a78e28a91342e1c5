"""Arithmetic in building files: `$[side_m * index + 1]`, with numbers, names, + - * / and brackets, nothing more."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

from .errors import UserError

_EXPRESSION = re.compile(r"\$\[([^\]]*)\]")
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def calculate(text: str, names: Mapping[str, float]) -> str | float:
    """A text that is one expression as its value; one that holds expressions with their values written in.

    Raises UserError with the expression and what is wrong with it.
    """
    whole = _EXPRESSION.fullmatch(text)
    if whole:
        return _value(whole[1], names)
    return _EXPRESSION.sub(lambda match: repr(_value(match[1], names)), text)


def _value(expression: str, names: Mapping[str, float]) -> float:
    try:
        return float(_evaluate(ast.parse(expression.strip(), mode="eval").body, names))
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError) as error:
        known = ", ".join(sorted(names)) or "none"
        raise UserError(f"$[{expression}]: {error}; use numbers, + - * / ( ) and the names: {known}") from None


def _evaluate(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_evaluate(node.left, names), _evaluate(node.right, names))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, names)
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id in names:
            return names[node.id]
        raise ValueError(f"{node.id} is not known")
    raise ValueError("not arithmetic")

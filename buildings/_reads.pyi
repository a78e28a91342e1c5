from typing import Any

from numpy.typing import NDArray

def read_all(
    state: int, functions: NDArray[Any], handles: NDArray[Any], values: NDArray[Any], refused: int, /
) -> bool: ...

"""How far a run is: a bar on a terminal, a log line at every tenth elsewhere."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Protocol, Self

log = logging.getLogger("airhandler.progress")

_TENTHS = 10
_EVERY = 100


class Progress(Protocol):
    """Is told each step that was done."""

    def done(self, steps: int) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def progress(what: str, steps: int | None, *, bar: bool | None = None) -> Progress:
    """A bar if stderr is a terminal (or `bar` says so), log lines otherwise. `steps` is None where there is no end."""
    return Bar(what, steps) if (sys.stderr.isatty() if bar is None else bar) else Lines(what, steps)


class Lines:
    """A log line at every tenth of the way; where there is no end, at every hundredth step."""

    def __init__(self, what: str, steps: int | None) -> None:
        self._what, self._steps, self._said = what, None if steps is None else max(1, steps), 0

    def done(self, steps: int) -> None:
        """So many steps are done."""
        if self._steps is None:
            if steps % _EVERY == 0:
                log.info("%s: step %d", self._what, steps)
            return
        tenth = min(_TENTHS, steps * _TENTHS // self._steps)
        if tenth > self._said:
            self._said = tenth
            log.info("%s: step %d of %d", self._what, steps, self._steps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""


class Bar:
    """A bar on stderr; log lines pass above it."""

    def __init__(self, what: str, steps: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._rich.add_task(what, total=steps)

    def done(self, steps: int) -> None:
        """So many steps are done."""
        self._rich.update(self._task, completed=steps)

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rich.stop()

"""Live on a bus: what is shown of it between two steps, which may be a quarter of an hour apart."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airhandler.deploy.connectors.bus import BusConnection
from airhandler.deploy.connectors.connection import View
from airhandler.deploy.live_site import run_live_site
from airhandler.deploy.site_file import load_site
from airhandler.deploy.state import StateFolder
from tests.deploy.scenes import settings
from tests.deploy.test_session import Bus, Scene
from tests.fakes import FakeClock, FakeSite, healthy


@dataclass
class Clock(FakeClock):
    """A clock in whose sleep something is done: what, is said for each."""

    asleep: tuple[Callable[[], None], ...] = ()

    def sleep_until(self, when: datetime) -> bool:
        number = len(self.asleep) - self.steps
        if number < len(self.asleep):
            self.asleep[number]()
        return super().sleep_until(when)

    def stop(self) -> None:
        """It ends by itself."""


def test_authority_that_a_person_ends_is_shown_before_the_next_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="airhandler")
    path = Scene(tmp_path, stage="advisory").site.path
    state, pages = StateFolder(load_site(path).state), list[dict[str, float]]()

    def order() -> None:
        holder = state.holder()
        assert holder is not None
        state.orders.give("give-back", to=holder.token)

    def look() -> None:
        pages.append(_page(re.findall(r"metrics: (\S+)", caplog.text)[0]))

    clock = Clock(steps=4, asleep=(look, order, lambda: None, look))

    def connect(*_: Any, **__: Any) -> BusConnection:
        view = View(site=FakeSite([healthy(), healthy()]), clock=clock, ticks=1, about="a test")  # type: ignore[arg-type]
        return BusConnection(view=view, writer=Bus())  # type: ignore[arg-type]

    chosen = settings(tmp_path / "out", controller="outdoor-reset", site=str(path))
    run_live_site(chosen, load_site(path), watching=lambda site: lambda: None, connect=connect)
    before, after = pages
    stages = ('airhandler_stage{stage="advisory"}', 'airhandler_stage{stage="fallback"}')
    assert [before[s] for s in stages] == [1.0, 0.0]
    assert [after[s] for s in stages] == [0.0, 1.0]
    assert [page["airhandler_ticks_total"] for page in pages] == [1.0, 1.0]
    assert [page["airhandler_advice_waiting"] for page in pages] == [1.0, 0.0]
    assert [name for name in after if "handover_info" in name and "give-back" in name]


def _page(url: str) -> dict[str, float]:
    """The samples of the metrics' page."""
    with urllib.request.urlopen(url, timeout=10) as page:
        lines = [line for line in page.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

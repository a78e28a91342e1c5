"""The state folder: one controller and one watchdog of a site, and what people ask of the controller."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airhandler.buildings.errors import UserError
from airhandler.deploy.orders import LONGEST_S, VALID_S, Orders
from airhandler.deploy.state import StateFolder

HOLDS = """
import sys, time
from pathlib import Path
from airhandler.deploy.state import StateFolder
with StateFolder(Path(sys.argv[1])).lock() as lock:
    print(lock.holder.token, flush=True)
    time.sleep(600)
"""


def test_second_controller_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        token = first.stdout.readline().strip()
        state = StateFolder(tmp_path)
        with pytest.raises(UserError, match=rf"a controller of this site runs already, process {first.pid} since 20"):
            state.lock()
        holder = state.holder()
        assert holder is not None
        assert (holder.pid, holder.token) == (first.pid, token)
        assert state.holder("watchdog") is None
        first.kill()
    assert state.holder() is None, "killed, it holds nothing any more"
    with state.lock() as lock:
        assert lock.holder.token != token
        assert (state.holder() or lock.holder).pid == os.getpid()


def test_who_asks_keeps_no_one_from_starting(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.lock().release()
    before = (tmp_path / "controller.lock").read_bytes()
    assert state.holder() is None
    assert (tmp_path / "controller.lock").read_bytes() == before
    state.lock().release()


def test_folder_that_cannot_be_made_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        StateFolder(tmp_path / "file" / "state")


def test_orders_are_taken_once_and_in_their_order(tmp_path: Path) -> None:
    times_s = itertools.count(99.0)
    orders = Orders(tmp_path, now_s=lambda: next(times_s))
    assert orders.take("me") == []
    orders.give("accept", to="me", seconds=60)
    orders.give("give-back", to="me", seconds=3600)
    orders.give("reset", to="me")
    taken = orders.take("me")
    assert [(order.kind, order.seconds) for order in taken] == [("accept", 60), ("give-back", 3600), ("reset", None)]
    assert taken[0].at_s == 99.0
    assert taken[0].by
    assert orders.take("me") == []


def test_order_to_an_earlier_controller_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    orders = Orders(tmp_path)
    orders.give("accept", to="the one before")
    assert orders.take("me") == []
    assert "given to an earlier controller" in caplog.text
    assert orders.take("the one before") == []


def test_order_that_is_too_old_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Orders(tmp_path, now_s=lambda: 100.0).give("accept", to="me")
    late = Orders(tmp_path, now_s=lambda: 101.0 + VALID_S)
    assert late.take("me") == []
    assert f"{VALID_S + 1:.0f} s old" in caplog.text


def test_what_is_no_order_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    orders = Orders(tmp_path)
    for name, content in (("1", "{}"), ("2", "nonsense"), ("3", '{"kind": "jump"}')):
        (tmp_path / f"{name}.json").write_text(content)
    orders.give("reset", to="me")
    assert [order.kind for order in orders.take("me")] == ["reset"]
    assert caplog.text.count("no order that can be taken") == 3
    assert orders.take("me") == []


def test_order_needs_sound_times(tmp_path: Path) -> None:
    for seconds in (0.0, -1.0, float("nan"), float("inf"), LONGEST_S + 1.0):
        with pytest.raises(ValueError, match="seconds"):
            Orders(tmp_path).give("accept", to="me", seconds=seconds)
    assert not list(tmp_path.iterdir())


def test_who_asks_or_gives_an_order_makes_nothing(tmp_path: Path) -> None:
    """It may be root, whose files the controller could not remove."""
    state = StateFolder(tmp_path / "state", asking=True)
    assert state.holder() is None
    with pytest.raises(UserError, match="orders: cannot be written"):
        state.orders.give("reset", to="me")
    assert not list(tmp_path.iterdir())
    StateFolder(tmp_path / "state")
    assert state.holder("watchdog") is None
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["orders"]


def test_order_can_be_read_whoever_gave_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Orders(tmp_path).give("give-back", to="me")
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o644


def test_order_whose_file_stays_is_taken_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    orders = Orders(tmp_path)
    orders.give("give-back", to="me")
    (tmp_path / "0.json").write_text("nonsense")
    monkeypatch.setattr(Path, "unlink", refused)
    monkeypatch.setattr(Path, "rename", refused)
    assert [order.kind for order in orders.take("me")] == ["give-back"]
    assert orders.take("me") == []
    assert caplog.text.count("cannot be removed: Operation not permitted") == 2
    orders.give("reject", to="me")
    assert [order.kind for order in orders.take("me")] == ["reject"]


def test_lock_can_be_asked_for_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that was made read-only because its disk is dying, or of another user."""
    state, really = StateFolder(tmp_path), os.open

    def read_only(path: Path, flags: int, *mode: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system")
        return really(path, flags, *mode)

    with state.lock() as lock:
        monkeypatch.setattr(os, "open", read_only)
        holder = state.holder()
        assert holder is not None
        assert holder.token == lock.holder.token
        assert state.nobody() is None


def test_lock_that_cannot_be_asked_for_is_no_watch(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    (tmp_path / "watchdog.lock").symlink_to("watchdog.lock")  # it leads nowhere: nobody can open it
    with pytest.raises(UserError, match="cannot be opened"):
        state.holder("watchdog")
    assert not state.watched()

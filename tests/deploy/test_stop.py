"""Stop: the first reason counts, actions follow, and signals ask for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from airhandler.deploy.stop import SIGNALS, Stop, on_signals
from tests.deploy.process import PATIENCE_S


def test_first_reason_counts_and_actions_follow_once() -> None:
    stop, done = Stop(), list[str]()
    stop.then(lambda: done.append("before"))
    assert not stop.wait(0.0)
    stop.ask("one")
    stop.ask("two")
    assert (stop.why, done) == ("one", ["before"])
    stop.then(lambda: done.append("after"))
    assert done == ["before", "after"]
    assert stop.wait(0.0)


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """SIGHUP is ignored where the tests run under nohup, and would stay so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_asks_for_the_end_by_its_name(number: signal.Signals) -> None:
    stop = Stop()
    with on_signals(stop):
        signal.raise_signal(number)
        assert stop.asked, "from the signal on, before its thread has woken"
        assert stop.wait(PATIENCE_S)
    assert stop.why == number.name


def test_second_signal_interrupts_and_the_first_reason_stays() -> None:
    stop = Stop()
    with on_signals(stop):
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(PATIENCE_S)
        with pytest.raises(KeyboardInterrupt, match="SIGINT"):
            signal.raise_signal(signal.SIGINT)
    assert stop.why == "SIGTERM"


def test_first_signal_after_another_reason_only_asks() -> None:
    stop = Stop()
    stop.ask("an operator")
    assert stop.asked
    with on_signals(stop):
        signal.raise_signal(signal.SIGTERM)
    assert stop.why == "an operator"


def test_hangup_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = Stop()
    with on_signals(stop):
        signal.raise_signal(signal.SIGHUP)
    assert (stop.asked, stop.why) == (False, None)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with on_signals(Stop()):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    found = list[object]()

    def work() -> None:
        with on_signals(Stop()):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE_S)
    assert found == [signal.getsignal(signal.SIGTERM)]

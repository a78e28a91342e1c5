"""A twin: an EnergyPlus building as a BACnet device, under its own control until somebody commands it."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airhandler.buildings.catalog import Building, find_building, with_world
from airhandler.buildings.errors import UserError
from airhandler.buildings.faults import check_within, read_faults
from airhandler.buildings.model import Period, in_days
from airhandler.buildings.outside import held_out
from airhandler.buildings.points import Reading
from airhandler.buildings.scenario import NORMAL, Scenario
from airhandler.buildings.simulated import SimulatedSite
from airhandler.buildings.weather import find_weather
from airhandler.buildings.world import World
from airhandler.control.registry import STOCK, find_controller
from airhandler.control.table import replacing

from .stop import Stop, on_signals
from .twin_board import Board
from .twin_building import TwinBuilding
from .twin_control import ControlChannel
from .twin_drill import Drill
from .twin_pace import Pace
from .twin_record import TwinRecord
from .twin_servers import Address, Servers
from .twin_site_file import bacnet_section, beside, modbus_section, write_site_file

log = logging.getLogger("airhandler.twin")

_LOOK_S = 0.005  # how often a twin that waits looks whether it was asked
ADDRESSES_FILE = "twin.json"
HIGHEST_DEVICE = 4_194_302
"""Source: ASHRAE 135, clause 12.11: 4,194,303 stands for no device."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinSettings:
    """One twin. Raises UserError that names the field that is wrong.

    Attributes:
        building: id of the building, or the path of a building file.
        out: folder for what it leaves behind.
        bacnet: where the BACnet device listens.
        device: its instance number.
        modbus: where the same is served by Modbus TCP; None: nowhere.
        control_port: of 127.0.0.1, where faults are asked for; 0 takes a free one.
        speed: simulated seconds per second.
        weather: a name or the path of an EPW file.
        start: first day, (month, day).
        days: how many are simulated.
        incumbent: the building's own control: `stock`, or the name of a rule.
        heartbeat_steps: how many steps the heartbeat may stand still while slot 9 to 14 is occupied.
        seed: which of the world's years, and which draw of what is random in the scenario.
        world: what surrounds the building, in place of what its file may say.
        scenario: what it is put through.
        waits: whether time stands still until somebody asks on a bus.
        site_file: where the site file that fits is written, and one by Modbus beside it; None: nowhere.
    """

    building: str
    out: Path
    bacnet: Address
    device: int = 4711
    modbus: Address | None = None
    control_port: int = 0
    speed: float = 1.0
    weather: str = "chicago"
    start: tuple[int, int] = (1, 1)
    days: int = 7
    incumbent: str = STOCK
    heartbeat_steps: int = 4
    seed: int = 0
    world: World | None = None
    scenario: Scenario = NORMAL
    waits: bool = False
    site_file: Path | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.speed) and self.speed > 0):
            raise UserError(f"speed {self.speed}: must be above 0 (1 is real time)")
        if not 0 <= self.device <= HIGHEST_DEVICE:
            raise UserError(f"device {self.device}: must be 0 to {HIGHEST_DEVICE}")
        if self.heartbeat_steps < 1:
            raise UserError(f"heartbeat steps {self.heartbeat_steps}: must be 1 or more")


@dataclass(kw_only=True)
class _Run:
    """One twin while it runs."""

    settings: TwinSettings
    site: SimulatedSite
    building: TwinBuilding
    board: Board
    servers: Servers
    record: TwinRecord
    truth: Reading
    pace: Pace
    steps: int = 0
    broken: tuple[str, ...] = field(default=())

    def go(self, stop: Stop) -> str:
        """Steps until the period is over or a stop. Returns why it ended."""
        while self.board.waits and not stop.wait(_LOOK_S):
            pass
        self.pace.begin()
        while self.pace.wait(stop):
            if not self._step():
                return "the period is over"
        return stop.why or "a stop"

    def tell(self) -> dict[str, object]:
        """The truth, as JSON has it."""
        return self.servers.call(
            lambda: {
                "time": self.board.now().isoformat(),
                "steps": self.steps,
                "values": dict(self.truth.values),
                "incumbent": dict(self.board.shown.incumbent),
                "slots": {p.name: self.board.slots(p.name) for p in self.board.building.setpoints},
                "in_force": {p.name: self.board.present(p.name) for p in self.board.building.setpoints},
                "heartbeat": self.board.heartbeat,
                "faults": list(self.board.faults.words()),
            }
        )

    def _step(self) -> bool:
        commands, equipment = self.servers.call(lambda: (self._begin(), self.board.faults.equipment))
        if equipment != self.broken:
            self.building.break_equipment(equipment)
            self.broken = equipment
        shown = self.building.step(commands)
        if shown is None:
            return False
        truth = self.building.truth
        self.record.step(truth, commands)
        self.steps += 1

        def show() -> None:
            self.truth = truth
            self.board.show(shown)

        self.servers.call(show)
        return True

    def _begin(self) -> Mapping[str, Any]:
        self.board.watch()
        return self.board.commands()


def run_twin(settings: TwinSettings, *, stop: Stop | None = None) -> dict[str, Any]:
    """Runs a twin until its period is over, a stop or a signal. Returns its summary.

    Raises UserError before anything is served if a choice cannot be met.
    """
    stop = stop or Stop()
    building = with_world(find_building(settings.building, settings.scenario.servers), settings.world)
    incumbent = find_controller(settings.incumbent, building)
    record = TwinRecord(building, settings.out)
    with contextlib.closing(record), on_signals(stop):
        site = _site(settings, building)
        with contextlib.closing(site):
            twin = TwinBuilding(site, building, incumbent)
            board = Board(
                building=building,
                shown=twin.shown,
                step_s=building.step_s,
                speed=settings.speed,
                heartbeat_steps=settings.heartbeat_steps,
                waits=settings.waits,
                on_write=record.write,
                on_event=lambda words: _event(record, board, words),
            )
            with contextlib.closing(Servers(board)) as servers:
                run = _Run(
                    settings=settings,
                    site=site,
                    building=twin,
                    board=board,
                    servers=servers,
                    record=record,
                    truth=twin.truth,
                    pace=Pace(building.step_s / settings.speed),
                )
                with _open(run):
                    why = run.go(stop)
            summary = record.save(
                why, {"incumbent": settings.incumbent, "seed": settings.seed, "late_steps": run.pace.late}
            )
    log.info("%d steps, saved in %s: %s", run.steps, settings.out, why)
    return summary


@contextlib.contextmanager
def _open(run: _Run) -> Iterator[None]:
    """Serves a run while the block lasts. Raises UserError where an address cannot be had."""
    settings, servers = run.settings, run.servers
    bacnet = servers.open_bacnet(settings.bacnet, settings.device)
    modbus = None if settings.modbus is None else servers.open_modbus(settings.modbus)
    drill = Drill(run.board, servers.restart)
    channel = ControlChannel(
        settings.control_port, tell=run.tell, do=lambda name, words: servers.call(lambda: drill.do(name, words))
    )
    with contextlib.closing(channel):
        servers.call(lambda: run.record.begin(run.truth))
        if settings.site_file is not None:
            _write_site_files(run, settings.site_file, bacnet, modbus)
        told = {
            "bacnet": str(bacnet),
            "device": settings.device,
            "modbus": None if modbus is None else str(modbus),
            "control": channel.url,
            "pid": os.getpid(),
        }
        with replacing(settings.out / ADDRESSES_FILE) as temporary:
            temporary.write_text(json.dumps(told, indent=2) + "\n")
        _announce(run, bacnet, modbus, channel.url)
        yield


def _announce(run: _Run, bacnet: Address, modbus: Address | None, url: str) -> None:
    settings = run.settings
    log.info(
        "twin of %s: BACnet device %d at %s%s; %g times real time, weather %s, %s, own control %s",
        run.board.building.id,
        settings.device,
        bacnet,
        "" if modbus is None else f", Modbus TCP at {modbus}",
        settings.speed,
        settings.weather,
        in_days(settings.days),
        settings.incumbent,
    )
    log.info("faults: airhandler twin-fault %s NAME ...", url)


def _write_site_files(run: _Run, path: Path, bacnet: Address, modbus: Address | None) -> None:
    """The site file by BACnet and, where it is served, the one by Modbus beside it."""
    board, servers = run.board, run.servers
    offset = board.shown.time.utcoffset()
    assert offset is not None
    write = functools.partial(write_site_file, building=board.building, offset=offset, speed=run.settings.speed)
    write(path, bus="bacnet", section=bacnet_section(bacnet, run.settings.device), places=servers.objects)
    log.info("site file: %s", path)
    if modbus is not None:
        second = beside(path)
        write(second, bus="modbus", section=modbus_section(modbus, servers.registers), places=servers.registers)
        log.info("site file by Modbus: %s", second)


def _event(record: TwinRecord, board: Board, words: str) -> None:
    log.warning("%s", words)
    record.event(board.now(), words)


def _site(settings: TwinSettings, building: Building) -> SimulatedSite:
    period = Period(start=settings.start, days=settings.days)
    check_within(read_faults(settings.scenario.faults, building), building, period)
    return SimulatedSite(
        building,
        find_weather(settings.weather),
        period,
        draw=held_out(settings.seed),
        scenario=settings.scenario,
        seed=settings.seed,
        breakable=True,
    )

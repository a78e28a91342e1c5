"""What a user may choose for `airhandler shadow` and `airhandler live`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from airhandler.buildings.errors import UserError
from airhandler.buildings.scenario import NORMAL, Scenario
from airhandler.buildings.world import World

SIMULATED = "simulated"
METRICS_PORT = 9790
_SIMULATED_DAYS = 7
SITE_FILES = (".yaml", ".yml")
PARQUET_FILES = (".parquet", ".pq")
RECORDING_FILES = (".csv", *PARQUET_FILES)
_MAX_PORT = 65535
_AS_IT_IS = {"bus": "a real site is what it is", "recorded": "a recorded site is what it was"}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """One run beside, or in charge of, one site. Raises UserError that names the field that is wrong.

    Attributes:
        controller: name of a controller, or the folder of a bundle.
        out: folder for the ticks and the summary.
        building: id of the building, or the path of a building file.
        site: `simulated`, the path of a recorded CSV, or of a site file (YAML) of a real one.
        weather: weather of a simulated site: a name or the path of an EPW file.
        start: first day of a simulated site, (month, day).
        days: how many days are simulated, taken of a recording or watched of a real site; None: a week, all, or until
            a stop.
        speed: seconds of the building's time per second; None runs as fast as it can.
        port: where the metrics are served; 0 takes a free port.
        address: on which address they are served.
        linger_s: how long they are still served after the run has ended [s].
        world: what surrounds the building, in place of what its file may say.
        scenario: what a simulated site is put through; a recorded one can only have other servers.
        seed: of a simulated site: which of the world's years, and which draw of what is random in the scenario.
        operator: file of what an operator has fixed by hand, read anew when it changes; None where nothing is.
        map: file that says what the columns of a recording are; None: they are called as the points.
        resume: whether a shadow run on a recording goes on where it was.
        bar: whether progress is a bar; None draws one where stderr is a terminal.
    """

    controller: str
    out: Path
    building: str = "datacentre-dx"
    site: str = SIMULATED
    weather: str = "chicago"
    start: tuple[int, int] = (1, 1)
    days: int | None = None
    speed: float | None = None
    port: int = METRICS_PORT
    address: str = "127.0.0.1"
    linger_s: float = 0.0
    world: World | None = None
    scenario: Scenario = NORMAL
    seed: int = 0
    operator: Path | None = None
    bar: bool | None = None
    map: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.speed is not None and not (math.isfinite(self.speed) and self.speed > 0):
            raise UserError(f"speed {self.speed}: must be above 0 (1 is real time); leave it out for full speed")
        if not 0 <= self.port <= _MAX_PORT:
            raise UserError(f"port {self.port}: must be 0 to {_MAX_PORT}")
        if not (math.isfinite(self.linger_s) and self.linger_s >= 0):
            raise UserError(f"linger {self.linger_s}: must be 0 s or more")
        if self.site != SIMULATED and self.scenario.is_of_simulation:
            raise UserError(f"{self.scenario.words}: {_AS_IT_IS[self.kind]}: leave out --site, or these options")
        for given, option in ((self.map is not None, "--map"), (self.resume, "--resume")):
            if given and self.kind != "recorded":
                raise UserError(f"{option}: belongs to a recording: name one with --site FILE.csv, or leave it out")
        if self.resume and self.speed is not None:
            raise UserError("--resume: goes over what was done at full speed; leave --speed out")
        if self.days is not None and self.days < 1:
            raise UserError(f"days {self.days}: must be 1 or more")

    @property
    def simulated_days(self) -> int:
        """How many days of a simulated site there are."""
        return _SIMULATED_DAYS if self.days is None else self.days

    @property
    def is_on_bus(self) -> bool:
        """Whether the site is a real one, or a twin: what a site file describes."""
        return self.site.endswith(SITE_FILES)

    @property
    def kind(self) -> str:
        """What kind of site it is, in a word."""
        return SIMULATED if self.site == SIMULATED else "bus" if self.is_on_bus else "recorded"

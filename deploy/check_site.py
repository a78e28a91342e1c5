"""Is a site as its file says? Every point is read once and compared with the building; nothing is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from airhandler.buildings.errors import SiteError, UserError
from airhandler.buildings.points import Role
from airhandler.safety.sensors import needed_points

from .absurd import is_absurd, suspected
from .connectors.answers import OtherDeviceError
from .connectors.clock import NO_TIME, SET_IT
from .promotion import check_promotion
from .site_file import Place, SiteSettings

Severity = Literal["wrong", "remark"]
_CLOCK_S = 300.0  # a clock that is further off has another zone, or nobody who sets it
_STEP_SHARE = 0.25  # of a control step that a reading may take


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that a person should know.

    Attributes:
        what: a point, or a part of the site file.
        where: its object or register.
        severity: `wrong` must be mended before anything else runs; a `remark` need not be.
        words: what is the matter.
        mend: what to do.
    """

    what: str
    where: str
    severity: Severity
    words: str
    mend: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A point as it was read.

    Attributes:
        place: which, and where.
        value: in the building's unit; None where it is absent.
        why: why it is absent.
        told: the unit that the device itself says, as a site file writes it; None where it says none.
        true: the value if the device is right about its unit; None where that is one of another quantity.
    """

    place: Place
    value: float | None
    why: str | None
    told: str | None
    true: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteCheck:
    """What a check found.

    Attributes:
        settings: which site.
        shown: every point of the site file, as it was read; none where nothing answered.
        findings: what is wrong or worth knowing, the worst first.
        read_s: how long a reading took [s of the machine].
    """

    settings: SiteSettings
    shown: tuple[Shown, ...]
    findings: tuple[Finding, ...]
    read_s: float

    @property
    def wrong(self) -> bool:
        """Whether something must be mended."""
        return any(finding.severity == "wrong" for finding in self.findings)

    @property
    def may_start(self) -> bool:
        """Whether `airhandler live` would start with this stage, as far as the file says; any but live asks nothing."""
        return self.settings.file.stage != "live" or self.settings.promotion is not None

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "site": self.settings.file.site,
            "building": self.settings.building.reference,
            "wrong": self.wrong,
            "may_start": self.may_start,
            "read_s": self.read_s,
            "findings": [
                {"what": f.what, "where": f.where, "severity": f.severity, "words": f.words, "mend": f.mend}
                for f in self.findings
            ],
            "points": [
                {"name": s.place.point.name, "where": s.place.where, "value": s.value, "unit": s.place.point.unit}
                for s in self.shown
            ],
        }


@dataclass
class Report:
    """Collects what a check of one kind of bus finds."""

    shown: list[Shown] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    read_s: float = 0.0

    def timed[T](self, read: Callable[[], T]) -> T:
        """What reading every point gives; how long it took is kept."""
        began = time.monotonic()
        answers = read()
        self.read_s = time.monotonic() - began
        return answers

    def wrong(self, what: str, where: str, words: str, mend: str) -> None:
        """Something that must be mended."""
        self.findings.append(Finding(what=what, where=where, severity="wrong", words=words, mend=mend))

    def remark(self, what: str, where: str, words: str, mend: str) -> None:
        """Something that need not be."""
        self.findings.append(Finding(what=what, where=where, severity="remark", words=words, mend=mend))


def check_site(settings: SiteSettings) -> SiteCheck:
    """Reads a site once. What its device says or does not say is a finding; only what is ours raises UserError."""
    report = Report()
    try:
        if settings.file.bacnet is not None:
            from .check_bacnet import check_bacnet

            check_bacnet(settings, settings.file.bacnet, report)
        else:
            from .check_modbus import check_modbus

            check_modbus(settings, report)
    except OtherDeviceError as error:
        this = "" if error.answers is None else f"device_id: {error.answers} if this is the one that is meant; else "
        report.wrong("device", "", str(error), f"{this}is the address right?")
    except SiteError as error:
        report.wrong("device", "", str(error), "is the address right, the device on, and no firewall between?")
    _compare(settings, report)
    _check_promotion(settings, report)
    _check_pace(settings, report)
    order = {"wrong": 0, "remark": 1}
    return SiteCheck(
        settings=settings,
        shown=tuple(report.shown),
        findings=tuple(sorted(report.findings, key=lambda f: order[f.severity])),
        read_s=report.read_s,
    )


def check_clock(settings: SiteSettings, told: datetime | None, report: Report) -> None:
    """A device's time against ours, where ours counts.

    Args:
        settings: which site.
        told: what the device says its time is; None where it says nothing.
        report: takes what is found.
    """
    if settings.file.clock == "device":
        if told is None:
            report.wrong("clock", "", f"clock: device, and {NO_TIME}", SET_IT)
        return
    off_s = 0.0 if told is None else (told - datetime.now(UTC)).total_seconds()
    if abs(off_s) > _CLOCK_S:
        report.remark(
            "clock",
            "",
            f"the device's clock is {_span(abs(off_s))} {'ahead of' if off_s > 0 else 'behind'} this machine's",
            f"set the clocks, or is time_zone {settings.file.time_zone} another one? For a twin: clock: device",
        )


def _compare(settings: SiteSettings, report: Report) -> None:
    """What was read against the building's points."""
    for shown in report.shown:
        _of_point(shown, report)
    needed = needed_points(settings.building)
    missing = [p.name for p in settings.building.points if p.name not in settings.places]
    if named := [name for name in missing if name in needed]:
        report.wrong(
            "points", "", f"not in the file: {', '.join(named)}", "the shield decides nothing without them: add them"
        )
    if named := [name for name in missing if name not in needed]:
        report.remark("points", "", f"not in the file: {', '.join(named)}", "a policy that looks at them sees none")


def _of_point(shown: Shown, report: Report) -> None:
    point, where = shown.place.point, shown.place.where
    if shown.value is None:
        words = f"absent: {shown.why or 'it gives no value'}"
        report.wrong(point.name, where, words, "mend the sensor, or the object in the file")
        return
    if shown.true is None or point.low <= shown.true <= point.high:
        return
    words = f"{shown.true:g} {point.unit} is not between {point.low:g} and {point.high:g}"
    if point.role is Role.SETPOINT and is_absurd(point, shown.true):
        report.wrong(
            point.name, where, words, f"{suspected(shown.place)}: `airhandler live` refuses until it is mended"
        )
    elif point.role is Role.SETPOINT:
        report.remark(point.name, where, words, "it stands outside our limits: the first steps lead it in, by its ramp")
    elif shown.told is not None:
        mend = f"the device says that it is {shown.told}: does it scale its values, or is the sensor wrong?"
        report.wrong(point.name, where, words, mend)
    else:
        fields = "unit:" if shown.place.register is None else "unit: and scale:"
        report.wrong(point.name, where, words, f"is it in {shown.place.unit}? {fields} must say what the device has")


def _check_promotion(settings: SiteSettings, report: Report) -> None:
    """Whether `live` would take the promotion that the file names, of whichever controller it is."""
    live = settings.file.stage == "live"
    if settings.promotion is None:
        if live:
            mend = "promotion: must name the promotion.json that `airhandler report --shadow RUN` makes"
            report.remark("promotion", "", "stage: live, and no promotion is named: `airhandler live` refuses", mend)
        return
    try:
        check_promotion(settings.promotion, site=settings.file.site, building=settings.building)
    except UserError as error:
        told = report.wrong if live else report.remark
        told("promotion", str(settings.promotion), str(error), "with stage: live, `airhandler live` refuses until then")


def _check_pace(settings: SiteSettings, report: Report) -> None:
    """Whether a reading fits into a control step."""
    step_s = settings.building.step_s / settings.file.speed
    if report.read_s > _STEP_SHARE * step_s:
        report.wrong(
            "device",
            "",
            f"reading it took {report.read_s:.2f} s, and a control step lasts {step_s:.2f} s",
            "a greater batch, shorter timeout_s, or a slower speed of the twin",
        )


def _span(seconds: float) -> str:
    for unit, length_s in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} seconds"

"""A Modbus unit against its site file: every register once, the switch and the heartbeat. Nothing is written."""

from __future__ import annotations

from .check_site import Report, Shown, check_clock
from .connectors.answers import Refused
from .connectors.modbus import ModbusClient, as_value
from .connectors.modbus_line import ModbusLine, register_of
from .connectors.registers import Register, parse_register
from .site_file import SiteSettings


def check_modbus(settings: SiteSettings, report: Report) -> None:
    """Reads every register once. Raises SiteError where the unit does not answer."""
    link = settings.file.modbus
    assert link is not None
    client = ModbusClient(
        link.host, link.port, link.unit_id, word_order=link.word_order, timeout_s=link.timeout_s, retries=link.retries
    )
    try:
        line = ModbusLine(client, link)
        registers = [register_of(place) for place in settings.places.values()]
        held = report.timed(lambda: line.read(registers))
        for place in settings.places.values():
            value, why = as_value(held[register_of(place)])
            shown = None if value is None else place.conversion.to_building(value)
            report.shown.append(Shown(place=place, value=shown, why=why, told=None, true=shown))
        if link.clock is not None:
            check_clock(settings, line.time(held), report)
        others = {"modbus.enable": line.enable, "heartbeat": _heartbeat(settings)}
        for name, register in others.items():
            answer = line.read([register])[register] if register is not None else 0.0
            if isinstance(answer, Refused):
                report.wrong(name, str(register), answer.words, "another register, or leave it out")
            elif name == "modbus.enable" and answer != 0.0:
                report.remark(name, str(register), "remote mode is on", "another controller, or one that was killed?")
    finally:
        client.close()


def _heartbeat(settings: SiteSettings) -> Register | None:
    words = settings.file.heartbeat
    return None if words is None else parse_register(words, "uint16")

"""The site of a drill: its site file by Modbus, and the permission to write there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from airhandler.control.identity import building_sha256, controller_sha256
from airhandler.control.promotion import Check, Promotion, write_promotion
from airhandler.deploy.twin_board import HEARTBEAT
from airhandler.deploy.twin_modbus import ENABLE, ModbusServer
from tests.deploy.twins import BUILDING, FREE, Twin


def promote(folder: Path, controller: str) -> None:
    """Lets a controller be put in charge of this site, as a shadow run would that passes."""
    passed = Check(name="drill", passed=True, evidence="none", wanted="nothing")
    promotion = Promotion(
        site="site",
        building=BUILDING.id,
        building_sha256=building_sha256(BUILDING),
        controller=controller,
        controller_sha256=controller_sha256(controller, BUILDING),
        begin="",
        end="",
        checks=(passed,),
        created="",
    )
    write_promotion(folder / "promotion.json", promotion)


def speak_modbus(site_file: Path, address: str) -> None:
    """Makes of the site file for BACnet, which a twin has written, the one for its registers.

    Args:
        site_file: the file.
        address: where the twin serves them, HOST:PORT.
    """
    declared: dict[str, Any] = yaml.safe_load(site_file.read_text())
    registers = ModbusServer(Twin().board, FREE).registers
    host, _, port = address.rpartition(":")
    clock = f"input,{2 * sum(where.startswith('input') for where in registers.values())}"
    del declared["bacnet"]
    declared["modbus"] = {"host": host, "port": int(port), "enable": ENABLE, "clock": clock}
    declared["heartbeat"] = registers[HEARTBEAT]
    declared["points"] = {name: {"register": registers[name]} for name in declared["points"]}
    site_file.write_text(yaml.safe_dump(declared))

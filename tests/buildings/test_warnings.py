"""EnergyPlus's error file, counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airhandler.buildings.warnings import complaints

TEXT = """Program Version,EnergyPlus, Version 25.1.0
   ** Warning ** Calculated design heating load for zone=EAST ZONE is zero.
   **   ~~~   ** Check Sizing:Zone and ZoneControl:Thermostat inputs.
   ** Warning ** Calculated design heating load for zone=WEST ZONE is zero.
   ** Severe  ** Cooler: secondary air mass flow failed for Special = WEST DATA CENTER IEC
   **   ~~~   **  Environment=RUNPERIOD 1, at Simulation time=07/22 21:27 - 21:28
   ************* ===== Recurring Error Summary =====
   *************  ** Warning ** Coil "EAST DX COOLING COIL" - flow is out of range at 7.040E-005 m3/s/W.
   *************  **   ~~~   **   This error occurred 30 total times;
   *************  **   ~~~   **   during Warmup 0 times;
   *************
   *************  ** Warning ** Coil "WEST DX COOLING COIL" - flow is out of range at 2.1E-005 m3/s/W.
   *************  **   ~~~   **   This error occurred 12 total times;
   ************* EnergyPlus Completed Successfully-- 44 Warning; 1 Severe Errors; Elapsed Time=00hr 00min  6.36sec
"""


def test_messages_that_differ_in_names_and_numbers_are_one_kind_and_recurring_ones_count_in_full() -> None:
    found = complaints(TEXT)
    assert dict(found.kinds) == {
        "Warning: Coil * - flow is out of range at * m3/s/W.": 30 + 12,
        "Warning: Calculated design heating load for zone=* is zero.": 2,
        "Severe: Cooler: secondary air mass flow failed for Special = *": 1,
    }
    assert list(found.kinds.values()) == [42, 2, 1]
    assert (found.warnings, found.severe) == (44, 1)


def test_a_run_that_did_not_end_has_no_totals() -> None:
    found = complaints(TEXT.partition("   ************* EnergyPlus")[0])
    assert found.warnings is None
    assert found.severe is None


@given(st.text() | st.lists(st.sampled_from([*TEXT.splitlines(), "** Warning **", "** Fatal **  x"])).map("\n".join))
def test_any_text_is_read_and_every_kind_came_at_least_once(text: str) -> None:
    assert all(count >= 1 for count in complaints(text).kinds.values())

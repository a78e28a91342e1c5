"""What EnergyPlus complained about in a run: its error file as kinds of messages and how often each came."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

ERROR_FILE = "eplusout.err"

_MESSAGE = re.compile(r"\*\* *(Warning|Severe|Fatal) *\*\* *(.*)")
_TIMES = re.compile(r"This error occurred (\d+) total times")
_SUMMARY = re.compile(r"EnergyPlus Completed Successfully-- (\d+) Warning; (\d+) Severe")

# What differs between messages of one kind: names in quotes, names in capitals after "=", numbers.
_NAMES = (re.compile(r'"[^"]*"'), re.compile(r"(?:(?<==)|(?<== ))[A-Z](?:[A-Z0-9 _:.-]*[A-Z0-9])?\b"))
_NUMBER = re.compile(r"(?<![A-Za-z])[-+]?\d+(?:\.\d+)?(?:[Ee][-+]?\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaints:
    """What a run's error file holds.

    Attributes:
        kinds: how often each kind of message came, the most frequent first; a kind begins with its severity, its names
            and numbers are `*`.
        warnings: EnergyPlus's own total of warnings; None where the run did not end by itself.
        severe: its own total of severe errors; None likewise.
    """

    kinds: Mapping[str, int]
    warnings: int | None
    severe: int | None


def complaints(text: str) -> Complaints:
    """Reads an error file. A message that recurs counts as often as EnergyPlus's summary at the end says."""
    counts: Counter[str] = Counter()
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if found := _MESSAGE.search(line):
            counts[f"{found[1]}: {_kind(found[2])}"] += _times(lines, number + 1)
    summary = _SUMMARY.search(text)
    return Complaints(
        kinds=dict(counts.most_common()),
        warnings=int(summary[1]) if summary else None,
        severe=int(summary[2]) if summary else None,
    )


def _kind(message: str) -> str:
    for names in _NAMES:
        message = names.sub("*", message)
    return _NUMBER.sub("*", message).strip()


def _times(lines: list[str], first: int) -> int:
    """How often a message came, from the lines that go on with it; 1 unless they say more."""
    for line in lines[first:]:
        if "**   ~~~   **" not in line:
            return 1
        if found := _TIMES.search(line):
            return int(found[1])
    return 1

"""BACnet's names and numbers that we use: object types, properties, flags. Nothing here needs a BACnet library.

Source: ANSI/ASHRAE 135-2020, clause 21 (object types, property identifiers, status flags, reliability).
"""

from __future__ import annotations

from dataclasses import dataclass

DEVICE = "device"
BACNET_PORT = 47808  # 0xBAC0. Source: ANSI/ASHRAE 135-2020, annex J.1.2

# Object types that can carry a point, with what their present value is made of.
NUMBERS = {
    "analog-input": 0,
    "analog-output": 1,
    "analog-value": 2,
    "binary-input": 3,
    "binary-output": 4,
    "binary-value": 5,
    DEVICE: 8,
    "multi-state-input": 13,
    "multi-state-output": 14,
    "multi-state-value": 19,
    "accumulator": 23,
    "pulse-converter": 24,
    "integer-value": 45,
    "large-analog-value": 46,
    "positive-integer-value": 48,
}
NAMES = {number: name for name, number in NUMBERS.items()}
READABLE = tuple(name for name in NUMBERS if name != DEVICE)
# Accumulators and inputs are measured, whatever a lenient device may accept.
COMMANDABLE = tuple(name for name in READABLE if name.endswith(("-output", "-value")))
ANY_DEVICE = 4194303  # "whoever you are". Source: 135-2020, clause 15.5.2
MAX_INSTANCE = 4194302  # the next one means "unknown". Source: 135-2020, clause 12.1.1

PRESENT_VALUE, STATUS_FLAGS, RELIABILITY = "present-value", "status-flags", "reliability"
PRIORITY_ARRAY, RELINQUISH_DEFAULT = "priority-array", "relinquish-default"
OBJECT_LIST, OBJECT_NAME, UNITS, DESCRIPTION = "object-list", "object-name", "units", "description"
LOCAL_DATE, LOCAL_TIME, SYSTEM_STATUS = "local-date", "local-time", "system-status"
OBJECT_ID, MODEL_NAME, VENDOR_NAME, UTC_OFFSET = "object-identifier", "model-name", "vendor-name", "utc-offset"
MIN_PRESENT, MAX_PRESENT, RESOLUTION = "min-pres-value", "max-pres-value", "resolution"

SLOTS = 16
OPERATORS_SLOT = 8  # "manual operator"; 1 to 7 are life safety and the protection of equipment. Source: clause 19.2.1.4
OUR_SLOTS = range(9, 15)  # 15 and 16 are what schedules and a building's own control use

FLAGS = ("in alarm", "in fault", "overridden by hand", "out of service")
NOT_MEASURED = FLAGS[1:]  # an alarm says nothing against the value

RELIABILITIES = {
    1: "no sensor",
    2: "over range",
    3: "under range",
    4: "open loop",
    5: "shorted loop",
    6: "no output",
    7: "unreliable",
    8: "process error",
    10: "configuration error",
    12: "communication failure",
    13: "member fault",
}
# A device that says one of these does not control. Source: clause 12.11.9
NOT_WORKING = {2: "download required", 3: "download in progress", 4: "not operational"}


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """An object of a device, written `analog-input,1`."""

    kind: str
    instance: int

    def __str__(self) -> str:
        return f"{self.kind},{self.instance}"

    @property
    def number(self) -> int:
        """The number of its type; one that we have no name for is its own."""
        return NUMBERS[self.kind] if self.kind in NUMBERS else int(self.kind)

    @property
    def is_commandable_kind(self) -> bool:
        """Whether a present value of this kind may have a priority array."""
        return self.kind in COMMANDABLE


def parse_object(words: str) -> ObjectId:
    """`analog-input,1`. Raises ValueError that says what it must be."""
    kind, comma, instance = words.partition(",")
    kind, instance = kind.strip(), instance.strip()
    if not comma or kind not in READABLE or not (instance.isascii() and instance.isdecimal()):
        raise ValueError(f"must be like analog-input,1, of {', '.join(READABLE)}")
    if int(instance) > MAX_INSTANCE:
        raise ValueError(f"instance {instance}: must be at most {MAX_INSTANCE}")
    return ObjectId(kind, int(instance))

"""What BACnet's bytes say, as plain numbers, words and `Refused`. Nothing here needs a BACnet library.

Source: ANSI/ASHRAE 135-2020, clause 20.2.
"""

from __future__ import annotations

import struct
from typing import Any

from .answers import Refused
from .objects import NAMES, ObjectId

Property = str | tuple[str, int]  # with the index of an array
Scalar = float | int | bool | str | bytes | ObjectId | Refused | None
Plain = Scalar | tuple[Scalar, ...]  # several values are those of an array: None is an empty slot

_APPLICATION = 0  # the class of tags that say themselves what they hold


def value_of(tags: Any) -> Plain:
    """The value of a property."""
    enclosed = list(tags)[1:-1]  # between the tags that open and close it in the answer
    try:
        values = [_value(tag) for tag in enclosed]
        return values[0] if len(values) == 1 else tuple(values)
    except (struct.error, ValueError, IndexError) as error:
        return Refused(f"what it gave cannot be read: {error}")


def _value(tag: Any) -> Scalar:
    """One tag. Source: ANSI/ASHRAE 135-2020, clause 20.2."""
    data = bytes(tag.tag_data)
    if int(tag.tag_class) != _APPLICATION:
        return Refused("no plain value")
    match int(tag.tag_number):
        case 0:
            return None
        case 1:
            return bool(tag.tag_lvt)
        case 2 | 9:
            return int.from_bytes(data, "big")
        case 3:
            return int.from_bytes(data, "big", signed=True)
        case 4:
            return float(struct.unpack(">f", data)[0])
        case 5:
            return float(struct.unpack(">d", data)[0])
        case 7:
            return data[1:].decode({0: "utf-8", 4: "utf-16-be", 5: "latin-1"}.get(data[0], "utf-8"), "replace")
        case 12:
            whole = int.from_bytes(data, "big")
            return object_id((whole >> 22, whole & 0x3FFFFF))
        case _:
            return data  # bit strings, dates and times are read by whoever wants them


def object_id(pair: Any) -> ObjectId:
    number = int(pair[0])
    return ObjectId(NAMES.get(number, str(number)), int(pair[1]))

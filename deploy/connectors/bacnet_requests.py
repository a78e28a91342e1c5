"""Requests to BACnet devices, and what comes of their answers: between plain values and the library's.

Nothing is sent here: bacnet.py does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bacpypes3.apdu import (
    ErrorPDU,
    ErrorRejectAbortNack,
    ReadPropertyMultipleRequest,
    ReadPropertyRequest,
    RejectPDU,
    WritePropertyRequest,
)
from bacpypes3.basetypes import PropertyReference, ReadAccessSpecification
from bacpypes3.constructeddata import SequenceOf
from bacpypes3.pdu import Address
from bacpypes3.primitivedata import (
    Double,
    Enumerated,
    Integer,
    Null,
    ObjectIdentifier,
    PropertyIdentifier,
    Real,
    Unsigned,
)

from airhandler.buildings.errors import SiteError

from .answers import Refused
from .bacnet_values import Plain, Property, object_id, value_of
from .objects import PRESENT_VALUE, ObjectId

Batch = Sequence[tuple[ObjectId, Sequence[Property]]]

_WRITABLE = {
    "analog": Real,
    "binary": Enumerated,
    "multi": Unsigned,
    "positive": Unsigned,
    "integer": Integer,
    "large": Double,
}


def reading_of(device: Address, batch: Batch) -> ReadPropertyMultipleRequest:
    """Asks for properties of several objects at once."""
    specs = [
        ReadAccessSpecification(
            objectIdentifier=_identifier(target),
            listOfPropertyReferences=[
                PropertyReference(propertyIdentifier=PropertyIdentifier(plain), propertyArrayIndex=index)
                for plain, index in map(_split, names)
            ],
        )
        for target, names in batch
    ]
    return ReadPropertyMultipleRequest(
        listOfReadAccessSpecs=SequenceOf(ReadAccessSpecification)(specs), destination=device
    )


def reading_of_one(device: Address, target: ObjectId, name: Property) -> ReadPropertyRequest:
    """Asks for one property, as every device can be."""
    plain, index = _split(name)
    return ReadPropertyRequest(
        objectIdentifier=_identifier(target),
        propertyIdentifier=PropertyIdentifier(plain),
        propertyArrayIndex=index,
        destination=device,
    )


def writing_of(device: Address, target: ObjectId, value: float | None, priority: int | None) -> WritePropertyRequest:
    """Writes a present value; None empties the slot. Raises SiteError for one that the object cannot hold."""
    request = WritePropertyRequest(
        objectIdentifier=_identifier(target),
        propertyIdentifier=PropertyIdentifier(PRESENT_VALUE),
        propertyValue=Null(()) if value is None else _typed(target, value),
        destination=device,
    )
    if priority is not None:
        request.priority = priority
    return request


def answered(answer: Any, batch: Batch) -> dict[tuple[ObjectId, Property], Plain]:
    """The values of an answer; what was asked for and is not in it is refused."""
    found: dict[tuple[ObjectId, Property], Plain] = {
        (target, name): Refused("not answered") for target, names in batch for name in names
    }
    for result in answer.listOfReadAccessResults:
        target = object_id(result.objectIdentifier)
        for element in result.listOfResults:
            plain, index = str(element.propertyIdentifier), element.propertyArrayIndex
            key = (target, plain if index is None else (plain, int(index)))
            if key in found:
                found[key] = _result(element.readResult)
    return found


def refusal(nack: ErrorRejectAbortNack) -> Refused:
    """What a device says in place of an answer."""
    if isinstance(nack, ErrorPDU):
        return Refused(str(nack.errorCode), "error")
    if isinstance(nack, RejectPDU):
        return Refused(f"rejected: {nack.reason}", "reject")
    return Refused(f"aborted: {nack.reason}", "abort")


def _result(result: Any) -> Plain:
    if result.propertyAccessError is not None:
        return Refused(str(result.propertyAccessError.errorCode))
    return value_of(result.propertyValue.tagList)


def _identifier(target: ObjectId) -> ObjectIdentifier:
    return ObjectIdentifier((target.number, target.instance))


def _split(name: Property) -> tuple[str, int | None]:
    return (name, None) if isinstance(name, str) else name


def _typed(target: ObjectId, value: float) -> Any:
    """A value as the kind of object wants it. Raises SiteError for one that it cannot hold."""
    kind = _WRITABLE[target.kind.split("-")[0]]
    try:
        return kind(value) if kind in (Real, Double) else kind(round(value))
    except (ValueError, TypeError, OverflowError) as error:
        raise SiteError(f"{target} cannot hold {value}: {error}") from error

"""Small files that one process writes and another one reads: each is there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel


def read_record[T: BaseModel](path: Path, kind: type[T]) -> T | None:
    """The record in a file; None where there is no file. Raises ValueError for what is no such record."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def put_record(path: Path, record: BaseModel, *, durable: bool = False, mode: int | None = None) -> None:
    """Puts a record in a file's place; on the disk when this returns, if `durable`. Raises OSError.

    Args:
        path: of the file.
        record: what it is to hold.
        durable: whether it must be on the disk.
        mode: who may read it; None: as the process has it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(record.model_dump_json())
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            flush_folder(path.parent)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def flush_folder(folder: Path) -> None:
    """Makes the names of new files durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

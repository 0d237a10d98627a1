"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from clm.errors import InvalidDataError


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Return where a file is to be written, or say at once why it cannot be.

    Raises
    ------
    InvalidDataError
        If the directory is missing or closed, or the path is a directory.
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise InvalidDataError(f"{path} is a directory. Name a file in it.")
    if not target.parent.is_dir():
        raise InvalidDataError(f"{path} cannot be written: there is no directory {target.parent}. Create it first.")
    place = target if target.exists() and not target.is_file() else target.parent
    if not os.access(place, os.W_OK) or (target.is_file() and not os.access(target, os.W_OK)):
        raise InvalidDataError(f"{path} cannot be written: permission denied. Name another place.")
    return target


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write beside the target, then rename: a reader sees the old file or the new one, never half of it.

    Raises
    ------
    InvalidDataError
        If the file cannot be written.
    """
    target = check_writable(path)
    content = text.encode("utf-8", "replace")
    try:
        if target.exists() and not target.is_file():
            # A device or a pipe is written to, not replaced.
            target.write_bytes(content)
            return
        _replace(target, content)
    except OSError as error:
        raise InvalidDataError(f"{path} cannot be written: {error.strerror}. Name another place.") from error


def _replace(target: Path, content: bytes) -> None:
    beside = target.with_name(f".{target.name[:200]}.{token_hex(6)}.part")
    try:
        # A new file gets the mode that the user's umask gives, as any other file of his.
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        beside.replace(target)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()

"""Columns of few distinct texts, kinds and channels, by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals.stable.v2 as nw
import numpy as np

from clm.errors import InvalidDataError
from clm.frames._ids import by_dictionary, factorize
from clm.journeys import Coded

if TYPE_CHECKING:
    from clm.frames._source import Table


def coded_text(table: Table, role: str) -> Coded:
    """Read a column of text by number; negative where it is missing.

    Raises
    ------
    InvalidDataError
        If the column holds anything but text.
    """
    name = table.names[role]
    if table.engine != "mapping" and isinstance(table.frame[name].dtype, (nw.String, nw.Categorical, nw.Enum)):
        codes, texts = factorize(table.frame[name])
    else:
        codes, texts = by_dictionary(table.column(role).text(name).tolist())
    odd = [text for text in texts if not isinstance(text, str)]
    if odd:
        raise InvalidDataError(
            f"column {name!r} holds {type(odd[0]).__name__} {odd[0]!r}, but text is expected. Convert it to text first."
        )
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return Coded(codes.astype(np.int32), values)

"""The satisfaction scores of a customer base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clm.errors import InvalidDataError
from clm.frames import ces, csat, nps

if TYPE_CHECKING:
    from clm.metrics._base import CustomerBase

_SCORES: Final[dict[str, Any]] = {"nps": nps, "csat": csat, "ces": ces}


def scored(base: CustomerBase, kind: str) -> Any:
    """Score the period's answers of one kind.

    Raises
    ------
    InvalidDataError
        If some are not on the scale; the message names the kind.
    """
    answers = base.columns("answers")
    scores = answers["score"][answers["kind"] == kind]
    try:
        return _SCORES[kind](scores, scale=base.scale(kind))
    except InvalidDataError as error:
        raise InvalidDataError(
            f"answers of kind {kind!r}: {error} Rows count among them; scales={{{kind!r}: ...}} sets the scale."
        ) from error

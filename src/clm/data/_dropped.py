"""How many rows were left out, by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field

from clm.core import FrozenMapping

if TYPE_CHECKING:
    from collections.abc import Mapping


def _counts(dropped: Mapping[str, int]) -> Mapping[str, int]:
    return FrozenMapping(dropped)


def dropped_field() -> Any:
    """An attrs field for counts by reason that cannot change."""
    return field(factory=dict, converter=_counts, kw_only=True)

"""What a customer base is made of, checked where it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import cmp_using, field

from clm.core import FrozenMapping, Lifecycle
from clm.errors import InvalidDataError, nearest
from clm.satisfaction import Scale
from clm.stats import same

if TYPE_CHECKING:
    from attrs import Attribute

SCALES: Final = {"nps": Scale.nps(), "csat": Scale.csat(), "ces": Scale.ces2()}
"""The scale of each kind of answer where none is given."""


def table_field() -> Any:
    """An attrs field for a table: any frame, compared by column where that is cheap."""
    return field(default=None, eq=cmp_using(eq=_same_table), converter=_shallow)


def scales_field() -> Any:
    """An attrs field for the scales of answers, by kind."""
    return field(factory=dict, converter=_mapping_of_scales, validator=_check_scales)


def check_lifecycle(_: object, __: Attribute[Any], lifecycle: Any) -> None:
    """Refuse what is no lifecycle."""
    if not isinstance(lifecycle, Lifecycle):
        raise InvalidDataError(
            f"lifecycle must be a Lifecycle, as clm.lifecycles.five_stage(), not {type(lifecycle).__name__}."
        )


def check_currency(_: object, __: Attribute[Any], currency: Any) -> None:
    """Refuse what names no currency."""
    if not (isinstance(currency, str) and currency.strip()):
        raise InvalidDataError(f"currency must be the name of a currency, as 'USD', not {currency!r}.")


def _shallow(given: Any) -> Any:
    # A copy of the mapping, not of its columns: adding a column to the original later does not change the base.
    return dict(given) if isinstance(given, Mapping) else given


def _same_table(a: Any, b: Any) -> bool:
    """Compare mappings column by column; other frames are the same when they are the same object."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    return a is b


def _mapping_of_scales(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidDataError(f"scales is a mapping of kind to Scale, as {{'csat': clm.Scale(1, 5)}}, not {given!r}.")
    return FrozenMapping(given)


def _check_scales(_: object, __: Attribute[Any], given: Mapping[str, Any]) -> None:
    for kind, scale in given.items():
        if kind not in SCALES:
            known = ", ".join(SCALES)
            raise InvalidDataError(f"scales names {kind!r}, which is not one of {known}.{nearest(str(kind), SCALES)}")
        if not isinstance(scale, Scale):
            raise InvalidDataError(f"the scale of {kind!r} must be a clm.Scale, as clm.Scale(1, 5), not {scale!r}.")

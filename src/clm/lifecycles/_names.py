"""Find a ready-made lifecycle by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import FrozenMapping
from clm.errors import InvalidDataError, nearest
from clm.lifecycles import (
    _aarrr,
    _aida,
    _attraction,
    _awareness,
    _crm,
    _five_stage,
    _flywheel,
    _hubspot,
    _opportunity,
    _race,
    _retail,
    _saas,
    _subscription,
    _ticket,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clm.core import Lifecycle

_MADE: Final[dict[str, tuple[Callable[[], Lifecycle], Mapping[str, tuple[str, ...]]]]] = {
    "aarrr": (_aarrr.aarrr, _aarrr.METRICS),
    "aida": (_aida.aida, _aida.METRICS),
    "attraction": (_attraction.attraction, _attraction.METRICS),
    "awareness": (_awareness.awareness, _awareness.METRICS),
    "crm": (_crm.crm, _crm.METRICS),
    "five_stage": (_five_stage.five_stage, _five_stage.METRICS),
    "flywheel": (_flywheel.flywheel, _flywheel.METRICS),
    "hubspot": (_hubspot.hubspot, _hubspot.METRICS),
    "opportunity": (_opportunity.opportunity, _opportunity.METRICS),
    "race": (_race.race, _race.METRICS),
    "retail": (_retail.retail, _retail.METRICS),
    "saas": (_saas.saas, _saas.METRICS),
    "subscription": (_subscription.subscription, _subscription.METRICS),
    "ticket": (_ticket.ticket, _ticket.METRICS),
}


def names() -> tuple[str, ...]:
    """Return the names of the ready-made lifecycles.

    Examples
    --------
    >>> "five_stage" in clm.lifecycles.names()
    True
    """
    return tuple(sorted(_MADE))


def by_name(name: str) -> Lifecycle:
    """Return a ready-made lifecycle with its default numbers.

    Raises
    ------
    InvalidDataError
        If there is none of this name.

    Examples
    --------
    >>> clm.lifecycles.by_name("five_stage") == clm.lifecycles.five_stage()
    True
    """
    return _found(name)[0]()


def usual_metrics(name: str) -> FrozenMapping[str, tuple[str, ...]]:
    """Return what is usually measured in each stage of a ready-made lifecycle.

    Parameters
    ----------
    name
        The lifecycle.

    Returns
    -------
    mapping of str to tuple of str
        Names of metrics by stage. Those in ``clm.metrics.names()`` can be measured on a `CustomerBase`; the others are
        what the field looks at besides.

    Raises
    ------
    InvalidDataError
        If there is none of this name.

    Examples
    --------
    >>> clm.lifecycles.usual_metrics("aida")["action"]
    ('conversion_rate', 'average_order_value')
    """
    return FrozenMapping(_found(name)[1])


def _found(name: str) -> tuple[Callable[[], Lifecycle], Mapping[str, tuple[str, ...]]]:
    if name not in _MADE:
        raise InvalidDataError(
            f"there is no lifecycle {name!r}. There are {', '.join(names())}.{nearest(str(name), _MADE)}"
        )
    return _MADE[name]

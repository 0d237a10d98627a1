"""What a lifecycle is declared with: stages, and the two ways from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from attrs import Attribute, field, frozen

from clm.core._duration import duration, written
from clm.core._guards import Guard
from clm.core._names import ANY, PREVIOUS, checked_kind, checked_kinds, checked_name
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from datetime import timedelta


def _stage_name(name: Any) -> str:
    checked_name(name, "a stage's name")
    if name in {ANY, PREVIOUS}:
        raise InvalidDataError(f"a stage cannot be called {name!r}: transitions use it for a place to be found out.")
    return str(name)


def _rank(_: object, __: Attribute[Any], rank: Any) -> None:
    if rank is not None and (not isinstance(rank, int) or isinstance(rank, bool)):
        raise InvalidDataError(f"a stage's rank must be a whole number or None, not {rank!r}.")


def _condition(_: object, __: Attribute[Any], guard: Any) -> None:
    if guard is not None and not isinstance(guard, Guard):
        raise InvalidDataError(f"when={guard!r} is no condition. Compare something, as in when.count('order') >= 2.")


def _source(name: Any) -> str:
    return checked_name(name, "a source")


def _target(name: Any) -> str:
    return checked_name(name, "a target")


def _kind(kind: Any) -> str:
    return checked_kind(kind)


def _after(length: Any) -> timedelta | None:
    return None if length is None else duration(length, "after")


def _idle(length: Any) -> timedelta | None:
    return None if length is None else duration(length, "idle")


def _kinds(kinds: Any) -> tuple[str, ...] | None:
    return None if kinds is None else checked_kinds(kinds, "of")


@final
@frozen
class Stage:
    """A stage of the lifecycle.

    Parameters
    ----------
    name : str
        What it is called; a dot makes it a part of another: ``"awareness.problem"``.
    rank : int, optional
        Its place in the funnel, lowest first; stages without one are off the funnel.

    Examples
    --------
    >>> clm.Stage("conversion", rank=3)
    Stage(name='conversion', rank=3)
    """

    name: str = field(converter=_stage_name)
    rank: int | None = field(default=None, kw_only=True, validator=_rank)

    @property
    def parent(self) -> str:
        """The part of the name before the first dot, where there is one: ``awareness`` of ``awareness.problem``."""
        above, _, below = self.name.partition(".")
        return above if above and below else self.name


@final
@frozen
class Transition:
    """A touchpoint of one kind takes a customer from one stage to another.

    Parameters
    ----------
    source : str
        The stage it starts from, or ``"*"`` for any; transitions from any stage come after all specific ones.
    kind : str
        The kind of touchpoint.
    target : str
        The stage it leads to, or ``"@previous"`` for the stage before the current one. The current stage itself makes
        the touchpoint legal and changes nothing.
    when : Guard, optional
        What has to hold besides: ``when.count("order") >= 2``.
    reenter : bool
        Whether a transition to the current stage closes the visit and opens a new one.

    Raises
    ------
    InvalidDataError
        If a name is blank or reserved, or `when` is no condition.

    Examples
    --------
    >>> str(clm.Transition("conversion", "order", "loyalty", when=clm.when.count("order") >= 5))
    'conversion --order [count(order) >= 5]--> loyalty'
    """

    source: str = field(converter=_source)
    kind: str = field(converter=_kind)
    target: str = field(converter=_target)
    when: Guard | None = field(default=None, kw_only=True, validator=_condition)
    reenter: bool = field(default=False, kw_only=True, converter=bool)

    def __str__(self) -> str:
        return f"{self.source} --{self.label}--> {self.target}"

    @property
    def label(self) -> str:
        """The kind and its condition, for readers."""
        guard = "" if self.when is None else f" [{self.when}]"
        return f"{self.kind}{guard}{' (again)' if self.reenter else ''}"


@final
@frozen
class Timeout:
    """Time alone takes a customer from one stage to another.

    Exactly one clock is given.

    Parameters
    ----------
    source : str
        The stage it starts from.
    target : str
        The stage it leads to, another one.
    after : str or timedelta, optional
        So long after the stage was entered: ``"30d"``.
    idle : str or timedelta, optional
        So long after the last known touchpoint, or after the last of the kinds in `of`.
    attribute : str, optional
        At the instant that this attribute of the customer holds.
    of : sequence of str, optional
        The kinds whose silence counts, for `idle`.

    Raises
    ------
    InvalidDataError
        If there is not exactly one clock, a duration is not positive or has no fixed length, or the source is ``"*"``,
        the target ``"@previous"`` or the same stage.

    Notes
    -----
    Units are ``w``, ``d``, ``h``, ``min``, ``s`` and ``us``. Months and years have no fixed length and are refused; so
    is ``m``, which could be either months or minutes.

    Examples
    --------
    >>> str(clm.Timeout("loyalty", "at_risk", idle="90d", of=("order",)))
    'loyalty --90d without order--> at_risk'
    """

    source: str = field(converter=_source)
    target: str = field(converter=_target)
    after: timedelta | None = field(default=None, kw_only=True, converter=_after)
    idle: timedelta | None = field(default=None, kw_only=True, converter=_idle)
    attribute: str | None = field(default=None, kw_only=True)
    of: tuple[str, ...] | None = field(default=None, kw_only=True, converter=_kinds)

    def __attrs_post_init__(self) -> None:
        what = f"the timeout from {self.source!r} to {self.target!r}"
        if self.source == ANY:
            raise InvalidDataError(f"{what} must name one source stage. Declare one timeout a stage.")
        if self.target in {PREVIOUS, ANY}:
            raise InvalidDataError(f"{what} must name its target stage: time leads to one certain place.")
        if self.source == self.target:
            raise InvalidDataError(f"{what} leads nowhere: its target must be another stage.")
        clocks = [name for name in ("after", "idle", "attribute") if getattr(self, name) is not None]
        if len(clocks) != 1:
            given = " and ".join(clocks) or "none"
            raise InvalidDataError(f"{what} needs exactly one of after, idle and attribute, but has {given}.")
        if self.attribute is not None:
            checked_name(self.attribute, f"the attribute of {what}")
        if self.of is not None and self.idle is None:
            raise InvalidDataError(f"{what} has of= without idle=: only silence can be silence of some kinds.")
        if self.of == ():
            raise InvalidDataError(f"{what} has an empty of=. Leave it out to count every known kind.")

    def __str__(self) -> str:
        return f"{self.source} --{self.label}--> {self.target}"

    @property
    def label(self) -> str:
        """The clock, for readers."""
        if self.after is not None:
            return f"after {written(self.after)}"
        if self.idle is not None:
            return f"{written(self.idle)} without {' or '.join(self.of) if self.of else 'a touchpoint'}"
        return f"at {self.attribute}"

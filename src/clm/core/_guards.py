"""Conditions on a customer's touchpoints, written as plain comparisons."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, final

from attrs import field, frozen

from clm.core._names import checked_kind
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


class Facts(Protocol):
    """What a guard reads: the customer's history up to and including the current touchpoint, and its own fields."""

    counts: dict[str, int]
    totals: dict[str, float]
    amount: float | None
    score: float | None
    channel: str | None


class Guard(ABC):
    """A condition; combine conditions with ``&``, ``|`` and ``~``, with brackets around each comparison."""

    __slots__ = ()

    @abstractmethod
    def holds(self, facts: Facts) -> bool:
        """Whether the condition holds for the current touchpoint."""

    @abstractmethod
    def comparisons(self) -> Iterator[Comparison]:
        """Go through the comparisons that the condition is made of."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; `guard_from_dict` reads it."""

    def __and__(self, other: object) -> Guard:
        return All(self, _guard(other))

    def __or__(self, other: object) -> Guard:
        return Either(self, _guard(other))

    def __invert__(self) -> Guard:
        return Not(self)

    def __bool__(self) -> NoReturn:  # noqa: PLE0304  # it raises, so that `and` and `or` do not pass unnoticed
        _no_truth()


@final
@frozen(repr=False)
class Comparison(Guard):
    """One register compared with a constant; False where the register has no value."""

    register: str
    operator: str
    value: float | str
    kind: str | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether the comparison holds; with a missing value it does not, ``!=`` included."""
        register = self.register
        if register == "count":
            return OPERATORS[self.operator](facts.counts.get(self.kind, 0), self.value)  # type: ignore[arg-type]  # a count has its kind
        if register == "total":
            return OPERATORS[self.operator](facts.totals.get(self.kind, 0.0), self.value)  # type: ignore[arg-type]  # so has a total
        value = getattr(facts, register)
        return value is not None and OPERATORS[self.operator](value, self.value)

    def comparisons(self) -> Iterator[Comparison]:
        """Yield this comparison."""
        yield self

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        what = {self.register: self.kind} if self.kind is not None else {"of": self.register}
        return {**what, "is": self.operator, "value": self.value}

    def __str__(self) -> str:
        what = self.register if self.kind is None else f"{self.register}({self.kind})"
        value = (
            f"{self.value:g}"
            if isinstance(self.value, float) and self.value == float(f"{self.value:g}")
            else self.value
        )
        return f"{what} {self.operator} {value}"

    def __repr__(self) -> str:
        what = self.register if self.kind is None else f"{self.register}({self.kind!r})"
        return f"(when.{what} {self.operator} {self.value!r})"


@final
@frozen(repr=False)
class All(Guard):
    """Both conditions."""

    first: Guard
    second: Guard

    def holds(self, facts: Facts) -> bool:
        """Whether both hold."""
        return self.first.holds(facts) and self.second.holds(facts)

    def comparisons(self) -> Iterator[Comparison]:
        """Go through both sides."""
        yield from self.first.comparisons()
        yield from self.second.comparisons()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"all": [self.first.to_dict(), self.second.to_dict()]}

    def __str__(self) -> str:
        return f"({self.first} and {self.second})"

    def __repr__(self) -> str:
        return f"({self.first!r} & {self.second!r})"


@final
@frozen(repr=False)
class Either(Guard):
    """At least one of two conditions."""

    first: Guard
    second: Guard

    def holds(self, facts: Facts) -> bool:
        """Whether one of them holds."""
        return self.first.holds(facts) or self.second.holds(facts)

    def comparisons(self) -> Iterator[Comparison]:
        """Go through both sides."""
        yield from self.first.comparisons()
        yield from self.second.comparisons()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"any": [self.first.to_dict(), self.second.to_dict()]}

    def __str__(self) -> str:
        return f"({self.first} or {self.second})"

    def __repr__(self) -> str:
        return f"({self.first!r} | {self.second!r})"


@final
@frozen(repr=False)
class Not(Guard):
    """The opposite of a condition: it holds where the condition does not, a missing value included."""

    guard: Guard

    def holds(self, facts: Facts) -> bool:
        """Whether the condition does not hold."""
        return not self.guard.holds(facts)

    def comparisons(self) -> Iterator[Comparison]:
        """Go through the negated condition."""
        yield from self.guard.comparisons()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"not": self.guard.to_dict()}

    def __str__(self) -> str:
        return f"not ({self.guard})"

    def __repr__(self) -> str:
        return f"~{self.guard!r}"


@final
@frozen(eq=False, repr=False)
class Number:
    """A register that holds a number: compare it with one."""

    register: str
    kind: str | None = None

    def _compared(self, sign: str, value: object) -> Comparison:
        return Comparison(self.register, sign, _constant(self, value), self.kind)

    def __ge__(self, value: object) -> Comparison:
        return self._compared(">=", value)

    def __gt__(self, value: object) -> Comparison:
        return self._compared(">", value)

    def __le__(self, value: object) -> Comparison:
        return self._compared("<=", value)

    def __lt__(self, value: object) -> Comparison:
        return self._compared("<", value)

    def __eq__(self, value: object) -> Comparison:  # type: ignore[override]  # a comparison is what the user asks for
        return self._compared("==", value)

    def __ne__(self, value: object) -> Comparison:  # type: ignore[override]  # as __eq__
        return self._compared("!=", value)

    __hash__ = None  # type: ignore[assignment]  # without a plain == there is no hash

    def __bool__(self) -> NoReturn:  # noqa: PLE0304  # it raises, so that `and` and `or` do not pass unnoticed
        _no_truth()

    def __repr__(self) -> str:
        return f"when.{self.register}" if self.kind is None else f"when.{self.register}({self.kind!r})"


@final
@frozen(eq=False, repr=False)
class Text:
    """A register that holds text: it is equal to a constant or it is not."""

    register: str

    def __eq__(self, value: object) -> Comparison:  # type: ignore[override]  # as Number
        return Comparison(self.register, "==", _word(self, value))

    def __ne__(self, value: object) -> Comparison:  # type: ignore[override]  # as Number
        return Comparison(self.register, "!=", _word(self, value))

    __hash__ = None  # type: ignore[assignment]  # as Number

    def __bool__(self) -> NoReturn:  # noqa: PLE0304  # it raises, so that `and` and `or` do not pass unnoticed
        _no_truth()

    def __repr__(self) -> str:
        return f"when.{self.register}"


@final
@frozen(eq=False, repr=False)
class When:
    """What a guard can look at.

    Counts and totals run over the customer's whole history, the current touchpoint included: at the third order
    ``when.count("order")`` is 3. ``when.amount``, ``when.score`` and ``when.channel`` are the current touchpoint's own.
    Where a touchpoint has none of them, every comparison with it is False, ``!=`` included.

    Attributes
    ----------
    amount, score : Number
        Of the current touchpoint; compared as float.
    channel : Text
        Of the current touchpoint.

    Examples
    --------
    >>> clm.when.count("order") >= 5
    (when.count('order') >= 5.0)
    >>> (clm.when.amount >= 100) & ~(clm.when.channel == "outlet")
    ((when.amount >= 100.0) & ~(when.channel == 'outlet'))
    """

    amount: Number = field(init=False, factory=lambda: Number("amount"))
    score: Number = field(init=False, factory=lambda: Number("score"))
    channel: Text = field(init=False, factory=lambda: Text("channel"))

    def count(self, kind: str) -> Number:
        """How many touchpoints of a kind the customer has had, the current one included."""
        return Number("count", checked_kind(kind))

    def total(self, kind: str) -> Number:
        """The sum of the amounts of a kind; touchpoints without an amount add nothing."""
        return Number("total", checked_kind(kind))

    def __repr__(self) -> str:
        return "when"


when: Final = When()
"""Start of every guard: ``when.count("order") >= 2``."""


def guard_from_dict(table: Mapping[str, Any]) -> Guard:
    """Read what `Guard.to_dict` wrote.

    Raises
    ------
    InvalidDataError
        If it is no guard.
    """
    try:
        for name, make in (("all", All), ("any", Either)):
            if name in table:
                first, second = table[name]
                return make(guard_from_dict(first), guard_from_dict(second))
        if "not" in table:
            return Not(guard_from_dict(table["not"]))
        return _comparison_from_dict(table)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InvalidDataError):
            raise
        raise InvalidDataError(f"this is no guard: {table!r}. Write guards with Lifecycle.to_dict().") from None


def _comparison_from_dict(table: Mapping[str, Any]) -> Comparison:
    sign, value = table["is"], table["value"]
    if sign not in OPERATORS:
        raise InvalidDataError(f"a guard compares with {', '.join(OPERATORS)}, not {sign!r}.")
    if "count" in table:
        return when.count(table["count"])._compared(sign, value)  # noqa: SLF001  # the operator comes as text
    if "total" in table:
        return when.total(table["total"])._compared(sign, value)  # noqa: SLF001  # as above
    register = table["of"]
    if register == "channel" and sign in {"==", "!="}:
        return Comparison("channel", sign, _word(when.channel, value))
    if register in {"amount", "score"}:
        return Number(register)._compared(sign, value)  # noqa: SLF001  # as above
    raise InvalidDataError(f"a guard cannot compare {register!r} with {sign!r}.")


def _guard(other: object) -> Guard:
    if not isinstance(other, Guard):
        raise InvalidDataError(
            f"{other!r} is no condition. Put brackets around each comparison: (when.amount >= 100) & (when.score >= 9)."
        )
    return other


def _constant(register: Number, value: object) -> float:
    if not isinstance(value, (str, bytes, bool, Number, Text, Guard)) and hasattr(value, "__float__"):
        number = float(value)
        if math.isfinite(number):
            return number
    raise InvalidDataError(f"{register!r} is compared with a finite number, not {value!r}.")


def _word(register: Text, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidDataError(f"{register!r} is compared with text, not {value!r}.")
    return value


def _no_truth() -> NoReturn:
    raise TypeError(
        "a condition on future touchpoints is neither true nor false: combine conditions with & | ~ in place of "
        "and, or, not, with brackets around each comparison"
    )

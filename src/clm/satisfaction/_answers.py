"""Answers to one question, reduced to how often each point of its scale was given."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import evolve, frozen

from clm.errors import InvalidDataError, nearest
from clm.satisfaction._cells import Cells
from clm.satisfaction._coding import Coded, Refused, code_of, count_answers, label_places
from clm.satisfaction._scale import Scale
from clm.stats import floats, frozen_array, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.typing import Array, BoolArray, FloatArray, IntArray

LEAST_WEIGHT: Final = 1e-100
MOST_WEIGHT: Final = 1e100
"""Weights between these can be squared and added up in float64."""
MOST_ANSWERS: Final = 10**15
"""So many can be added up in int64, and are exact in float64."""

MissingRule: TypeAlias = Literal["drop", "raise", "neutral"]
OffScaleRule: TypeAlias = Literal["raise", "missing"]


@final
@frozen(kw_only=True, repr=False)
class Answers:
    """How often each point of a scale was given: all that a score needs, for ten answers or a billion.

    Build it with `tally` or `from_counts`.

    Attributes
    ----------
    scale : Scale
        The scale they were given on.
    cells : Cells
        Answers, and their weights, per point; the last cell holds those who gave none.
    off_scale : int
        Answers that were not on the scale and count as missing.
    neutral : bool
        Whether the missing ones count as neutral, instead of being left out.
    population : int or None
        How many could have answered, where they are few.

    Raises
    ------
    InvalidDataError
        If there is not one count from 0 on a point, and one of the missing answers; or if there are more answers than
        the population has members.
    """

    scale: Scale
    cells: Cells
    off_scale: int = 0
    neutral: bool = False
    population: int | None = None

    def __attrs_post_init__(self) -> None:
        if len(self.cells) != len(self.scale) + 1 or (self.cells.counts < 0).any():
            raise InvalidDataError(
                f"answers on {self.scale.span} are {len(self.scale) + 1} counts from 0 on, the missing ones last, not"
                f" {self.cells.counts.tolist()}. Build them with Answers.from_counts."
            )
        if self.population is None:
            return
        size = check_count(self.population, "population")
        if size < self.n:
            raise InvalidDataError(
                f"population={size:,} is fewer than the {self.n:,} answers. Give all who could have answered, or None."
            )
        object.__setattr__(self, "population", size)

    @classmethod
    def tally(
        cls,
        values: Array,
        scale: Scale,
        *,
        blank: BoolArray | None = None,
        weights: Any = None,
        missing: MissingRule = "drop",
        off_scale: OffScaleRule = "raise",
    ) -> Answers:
        """Count a column of answers.

        Parameters
        ----------
        values : (n,) ndarray
            Numbers, or objects; NaN and None are missing. Text counts where it is one of the scale's labels.
        scale
            The scale of the question.
        blank : (n,) ndarray of bool, optional
            Where there is no answer, whatever `values` holds there.
        weights : array_like, optional
            What each respondent counts for, positive; shape (n,).
        missing : {"drop", "raise", "neutral"}
            Leave missing answers out, refuse them, or let them count as neither good nor bad.
        off_scale : {"raise", "missing"}
            Refuse answers that are not on the scale, or count them as missing.

        Returns
        -------
        Answers

        Raises
        ------
        InvalidDataError
            If an answer is not on the scale or missing, where that is refused; if a weight is not positive.
        """
        check_rules(scale, missing, off_scale)
        checked = None if weights is None else _checked_weights(weights, len(values))
        coded = count_answers(values, scale, blank=blank, weights=checked)
        if coded.refused is not None and off_scale == "raise":
            raise InvalidDataError(_off_scale_message(coded.refused, scale, len(values)))
        if missing == "raise" and coded.counts[-2:].any():
            rows = [row for row in (coded.first_missing, coded.refused and coded.refused.row) if row is not None]
            raise InvalidDataError(
                _missing_message(int(coded.counts[-2:].sum()), len(values), f", first at row {min(rows)}")
            )
        return cls._from_coded(coded, scale, missing)

    @classmethod
    def _from_coded(cls, coded: Coded, scale: Scale, missing: MissingRule) -> Answers:
        return cls(
            scale=scale,
            cells=Cells(
                counts=_off_scale_as_missing(coded.counts),
                weight=_off_scale_as_missing(coded.weight),
                weight_squared=_off_scale_as_missing(coded.weight_squared),
            ),
            off_scale=int(coded.counts[-1]),
            neutral=missing == "neutral",
        )

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[Any, Any],
        scale: Scale,
        *,
        weight: Mapping[Any, float] | None = None,
        weight_squared: Mapping[Any, float] | None = None,
        missing: MissingRule = "drop",
        off_scale: OffScaleRule = "raise",
    ) -> Answers:
        """Take answers that are counted already.

        Parameters
        ----------
        counts : mapping of answer to int
            How often each answer was given; None for no answer.
        scale, missing, off_scale
            As in `tally`.
        weight, weight_squared : mapping of answer to float, optional
            Sum of the weights, and of their squares, per answer.

        Returns
        -------
        Answers

        Raises
        ------
        InvalidDataError
            As in `tally`, and if a count is no count.

        Examples
        --------
        >>> clm.satisfaction.Answers.from_counts({3: 2, 5: 8}, clm.Scale(1, 5)).n
        10
        """
        check_rules(scale, missing, off_scale)
        if not hasattr(counts, "items"):
            raise InvalidDataError(f"counts must map each answer to its count, not {type(counts).__name__}.")
        cells = len(scale) + 2
        added = np.zeros(cells, np.int64)
        summed, squared = np.zeros(cells), np.zeros(cells)
        places = label_places(scale)
        off = []
        for answer, count in counts.items():
            code = code_of(answer, places, scale)
            added[code] += check_count(count, f"count of {answer!r}")
            if weight is not None and weight_squared is not None:
                summed[code] += weight[answer]
                squared[code] += weight_squared[answer]
            if code == cells - 1:
                off.append(answer)
        if added[-1] and off_scale == "raise":
            refused = Refused(int(added[-1]), -1, min(off, key=str))
            raise InvalidDataError(_off_scale_message(refused, scale, int(added.sum())))
        if added[-2:].any() and missing == "raise":
            raise InvalidDataError(_missing_message(int(added[-2:].sum()), int(added.sum()), ""))
        weighted = weight is not None and weight_squared is not None
        coded = Coded(added, summed if weighted else None, squared if weighted else None, None, None)
        return cls._from_coded(coded, scale, missing)

    @property
    def counts(self) -> IntArray:
        """Answers per point of the scale, shape (points,)."""
        return frozen_array(self.cells.counts[:-1])

    @property
    def missing(self) -> int:
        """Rows without an answer, those off the scale among them."""
        return int(self.cells.counts[-1])

    @property
    def n(self) -> int:
        """Answers that count."""
        return int(self.cells.counts.sum()) - (0 if self.neutral else self.missing)

    @property
    def weighted(self) -> bool:
        """Whether respondents count differently."""
        return self.cells.weight is not None

    def given(self) -> Cells:
        """Return the cells of the points alone.

        Raises
        ------
        InvalidDataError
            If missing answers count as neutral: they have no point.
        """
        if self.neutral:
            raise InvalidDataError(
                'a mean has no neutral answer. Leave missing answers out with missing="drop", or score shares.'
            )
        return evolve(self.cells.take(slice(None, -1)), population=self.population)

    def sides(self) -> Cells:
        """Return three cells: the bad box, between, the good box."""
        side_of = np.append(self.scale.sides, 0)
        cells = self.cells if self.neutral else self.cells.take(slice(None, -1))
        return evolve(cells.grouped(side_of[: len(cells)] + 1, 3), population=self.population)

    def counted(self) -> Cells:
        """Return the cells of all who count, whatever they answered."""
        cells = self.cells if self.neutral else self.cells.take(slice(None, -1))
        return evolve(cells, population=self.population)

    def without_weights(self) -> Answers:
        """Return the same answers, each counted once."""
        return evolve(self, cells=Cells(counts=self.cells.counts))

    def on(self, scale: Scale) -> Answers:
        """Return the same answers with other boxes drawn on the same points."""
        return evolve(self, scale=scale)

    def of_population(self, population: int | None) -> Answers:
        """Return the same answers as those of some of a population.

        Raises
        ------
        InvalidDataError
            If the population is no count, or smaller than the answers are many.
        """
        return evolve(self, population=population)

    def caveats(self) -> tuple[str, ...]:
        """Return what a reader should know of how the answers were counted."""
        if self.population is None or not self.n:
            return ()
        if self.n == self.population:
            return ("All of the population answered: there is no sampling error.",)
        return (f"Respondents are taken as drawn at random from a population of {self.population:,}.",)

    def why_none(self) -> str:
        """Say why there is nothing to score."""
        if not self.missing:
            return "there are no answers"
        gone = "missing or off the scale" if self.off_scale else "missing"
        return f"all {self.missing:,} answers are {gone}" if self.missing > 1 else f"the only answer is {gone}"

    def __repr__(self) -> str:
        kind = ", weighted" if self.weighted else ""
        return f"<Answers: {self.n:,} on {self.scale.span}, {self.missing:,} missing{kind}>"


def check_rules(scale: Any, missing: Any, off_scale: Any) -> None:
    """Refuse options that are none.

    Raises
    ------
    InvalidDataError
        If `scale` is no scale, or a rule is unknown.
    """
    if not isinstance(scale, Scale):
        raise InvalidDataError(f"scale must be a clm.Scale, as in clm.Scale(1, 5), not {scale!r}.")
    for name, given, known in (
        ("missing", missing, ("drop", "raise", "neutral")),
        ("off_scale", off_scale, ("raise", "missing")),
    ):
        if given not in known:
            raise InvalidDataError(
                f"{name}={given!r} is not one of {', '.join(map(repr, known))}.{nearest(str(given), known)}"
            )


def check_count(count: Any, name: str) -> int:
    """Return a count as int.

    Raises
    ------
    InvalidDataError
        If it is no whole number from 0 on, or more than can be added up.
    """
    number = None
    if not isinstance(count, (bool, np.bool_)):
        try:
            number = int(count) if isinstance(count, (float, np.floating)) and count == int(count) else None
            number = operator.index(count) if number is None else number
        except (TypeError, ValueError, OverflowError):
            number = None
    if number is None or number < 0:
        raise InvalidDataError(f"{name} must be a whole number from 0 on, not {count!r}.")
    if number > MOST_ANSWERS:
        raise InvalidDataError(f"{name} must be {MOST_ANSWERS:,} or fewer, not {number:,}.")
    return number


def _checked_weights(weights: Any, n: int) -> FloatArray:
    checked = floats(weights, "weights")
    if checked.shape != (n,):
        raise InvalidDataError(f"weights has {len(checked):,} entries, answers {n:,}. Give one weight an answer.")
    refuse(~(np.isfinite(checked) & (checked > 0)), "weight is not positive", "Leave those respondents out.")
    refuse(
        (checked < LEAST_WEIGHT) | (checked > MOST_WEIGHT),
        f"weight is not between {LEAST_WEIGHT:g} and {MOST_WEIGHT:g}",
        "Divide the weights by their mean.",
    )
    return checked


def _off_scale_as_missing(cells: Any) -> Any:
    return None if cells is None else frozen_array(np.append(cells[:-2], cells[-2] + cells[-1]))


def _missing_message(count: int, rows: int, place: str) -> str:
    return (
        f"answer is missing in {count:,} of {rows:,} rows{place}."
        ' Leave them out with missing="drop", or count them with missing="neutral".'
    )


def _off_scale_message(refused: Refused, scale: Scale, rows: int) -> str:
    place = f", first at row {refused.row}" if refused.row >= 0 else ", for example"
    return (
        f"answer is not on the scale {scale.span} in {refused.count:,} of {rows:,} rows{place}: "
        f"{_why_off(refused.value, scale)}. Correct it, give the scale= it was given on,"
        ' or count such answers as missing with off_scale="missing".'
    )


def _why_off(value: Any, scale: Scale) -> str:
    shown = value.item() if isinstance(value, np.generic) else value
    if isinstance(shown, (str, bytes)):
        names = f", and none of its names {', '.join(scale.labels)}" if scale.labels else ", not a number"
        return f"{_short(shown)} is text{names}"
    if isinstance(shown, bool):
        return f"{shown} is a boolean, not a number"
    try:
        number = float(shown)
    except (TypeError, ValueError, OverflowError):
        return f"{_short(shown)} is no number"
    if scale.low <= number <= scale.high:
        return f"{shown} lies between its points"
    return f"{shown} is {'below' if number < scale.low else 'above'} it"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""The scale a question was answered on: its points, its boxes and which end is good."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.errors import InvalidDataError
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray

_TOP_BOX: Final = {2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 2, 10: 3}
"""Points in the customary top box, by points of the scale."""
_MOST_POINTS = 1001
_ON_A_POINT = 1e-9


def _number(value: Any) -> Any:
    """Return a whole number as int, so that equal scales are written alike; anything odd is left to the validator."""
    if isinstance(value, (bool, np.bool_, str)):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return int(number) if number.is_integer() else number


def _labels(labels: Any) -> Any:
    return tuple(labels) if isinstance(labels, (list, tuple)) else labels


@final
@frozen(repr=False)
class Scale:
    """The points that answers may take, the boxes they fall in, and which end is good.

    A score without its scale means nothing: 4 is the best of four smileys and a detractor of 0 to 10. So every score
    takes its scale, and an answer that is not on it is refused.

    Parameters
    ----------
    low, high : float
        First and last point.
    bottom : float, optional
        Last point of the bottom box: answers ``<= bottom``.
    top : float, optional
        First point of the top box: answers ``>= top``. Without either, the boxes are the customary ones: one point of
        scales with 2 or 3, two of 4 to 7, three of 10; other scales have none. With one of them, the other box gets as
        many points, or what is left.
    higher_is_better : bool
        Which box is good: the top box, or, where False (effort), the bottom box.
    step : float
        Distance of the points: 0.5 for half stars.
    labels : sequence of str, optional
        One name a point, from low to high. Answers may then be given by name.

    Attributes
    ----------
    customary : bool
        True where neither box was given.

    Raises
    ------
    InvalidDataError
        If the points do not go from `low` to `high` in steps, or the boxes are not on points, overlap, or leave the
        scale.

    Examples
    --------
    >>> clm.Scale(1, 5).top
    4
    >>> clm.Scale(1, 5, bottom=3, top=5)
    Scale(1, 5, bottom=3, top=5)
    >>> effort = clm.Scale(1, 5, higher_is_better=False)
    >>> effort.good_answers
    '1 to 2'
    """

    low: float = field(converter=_number)
    high: float = field(converter=_number)
    bottom: float | None = field(default=None, kw_only=True, converter=_number)
    top: float | None = field(default=None, kw_only=True, converter=_number)
    higher_is_better: bool = field(default=True, kw_only=True)
    step: float = field(default=1, kw_only=True, converter=_number)
    labels: tuple[str, ...] | None = field(default=None, kw_only=True, converter=_labels)
    # Two scales are equal when they sort every answer alike, however their boxes came about.
    customary: bool = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        for name in ("low", "high", "step", "bottom", "top"):
            self._check_number(name, getattr(self, name))
        if not isinstance(self.higher_is_better, (bool, np.bool_)):
            raise InvalidDataError(f"higher_is_better must be True or False, not {self.higher_is_better!r}.")
        if self.step <= 0 or self.high <= self.low:
            raise InvalidDataError(
                f"a scale goes up in positive steps from low to high, not from {self.low} to {self.high} by"
                f" {self.step}. Say with higher_is_better=False that low answers are good."
            )
        steps = (float(self.high) - float(self.low)) / self.step
        if not steps < _MOST_POINTS or abs(steps - round(steps)) > _ON_A_POINT * max(1.0, steps):
            raise InvalidDataError(
                f"{self.low} to {self.high} by {self.step} is no scale of at most {_MOST_POINTS:,} points."
                " Give the step that leads from low to high."
            )
        object.__setattr__(self, "customary", self.bottom is None and self.top is None)
        self._set_boxes()
        self._check_labels()

    @staticmethod
    def _check_number(name: str, value: Any) -> None:
        optional = name in {"bottom", "top"} and value is None
        if not optional and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value)
        ):
            raise InvalidDataError(f"{name} of a scale must be a finite number, not {value!r}.")

    def _set_boxes(self) -> None:
        last = len(self) - 1
        bottom, top = self._place("bottom", self.bottom), self._place("top", self.top)
        if bottom is not None:
            places = bottom, max(last - bottom, bottom + 1) if top is None else top
        elif top is not None:
            places = min(last - top, top - 1), top
        elif len(self) in _TOP_BOX:
            places = _TOP_BOX[len(self)] - 1, last - _TOP_BOX[len(self)] + 1
        else:
            return
        if not 0 <= places[0] < places[1] <= last:
            raise InvalidDataError(
                f"bottom={self.bottom} and top={self.top} do not fit on a scale from {self.low} to {self.high}."
                " Each box needs a point of its own."
            )
        object.__setattr__(self, "bottom", self.points[places[0]])
        object.__setattr__(self, "top", self.points[places[1]])

    def _place(self, name: str, value: float | None) -> int | None:
        if value is None:
            return None
        place = (value - self.low) / self.step
        if abs(place - round(place)) > _ON_A_POINT or not 0 <= round(place) < len(self):
            raise InvalidDataError(f"{name}={value} is not a point of the scale {self.low} to {self.high}.")
        return round(place)

    def _check_labels(self) -> None:
        if self.labels is None:
            return
        labels: Any = self.labels
        if not (isinstance(labels, tuple) and all(isinstance(label, str) for label in labels)):
            raise InvalidDataError(f"labels must be one name a point, from low to high, not {labels!r}.")
        if len({label.strip().casefold() for label in self.labels} - {""}) != len(self):
            raise InvalidDataError(f"a scale of {len(self)} points needs {len(self)} different labels.")

    def __len__(self) -> int:
        return round((self.high - self.low) / self.step) + 1

    @property
    def points(self) -> tuple[float, ...]:
        """Every answer there is, from low to high."""
        return tuple(_number(round(self.low + i * self.step, 9)) for i in range(len(self)))

    @property
    def sides(self) -> IntArray:
        """What each point says, shape (points,): 1 in the good box, -1 in the bad one, 0 between.

        Raises
        ------
        InvalidDataError
            If the scale has no boxes.
        """
        if self.bottom is None or self.top is None:
            raise InvalidDataError(
                f"a scale of {len(self)} points has no customary boxes. Say which answers are bad and which are good:"
                f" clm.Scale({self.low}, {self.high}, bottom=..., top=...)."
            )
        points: FloatArray = np.array(self.points)
        sides = (points >= self.top).astype(np.int64) - (points <= self.bottom)
        return frozen_array(sides if self.higher_is_better else -sides)

    @property
    def good_answers(self) -> str:
        """The good box in words, as in ``9 to 10``."""
        return self._named(1)

    @property
    def bad_answers(self) -> str:
        """The bad box in words, as in ``0 to 6``."""
        return self._named(-1)

    def _named(self, side: int) -> str:
        inside = np.flatnonzero(self.sides == side)
        names = self.labels or [f"{point:g}" for point in self.points]
        first, last = names[inside[0]], names[inside[-1]]
        return first if first == last else f"{first} to {last}"

    @property
    def span(self) -> str:
        """The scale in words, as in ``0 to 10``."""
        return f"{self.low:g} to {self.high:g}" + ("" if self.step == 1 else f" by {self.step:g}")

    def with_boxes(self, bottom: float, top: float) -> Scale:
        """Return the same points with other boxes."""
        return Scale(
            self.low,
            self.high,
            bottom=bottom,
            top=top,
            higher_is_better=self.higher_is_better,
            step=self.step,
            labels=self.labels,
        )

    def __repr__(self) -> str:
        parts = [f"{self.low}", f"{self.high}"]
        if self.bottom is not None:
            parts += [f"bottom={self.bottom}", f"top={self.top}"]
        if not self.higher_is_better:
            parts.append("higher_is_better=False")
        if self.step != 1:
            parts.append(f"step={self.step}")
        if self.labels is not None:
            parts.append(f"labels={self.labels}")
        return f"Scale({', '.join(parts)})"

    @classmethod
    def nps(cls) -> Scale:
        """Likelihood to recommend, 0 to 10: detractors 0 to 6, promoters 9 and 10 (Reichheld 2003)."""
        return cls(0, 10, bottom=6, top=9)

    @classmethod
    def enps(cls) -> Scale:
        """Likelihood to recommend as a place to work: as `nps`."""
        return cls.nps()

    @classmethod
    def enps5(cls) -> Scale:
        """Likelihood to recommend as a place to work, 1 to 5: promoters 5, detractors 1 to 3 (Culture Amp)."""
        return cls(1, 5, bottom=3, top=5)

    @classmethod
    def csat(cls, points: int = 5) -> Scale:
        """Satisfaction from 1 to 2, 3, 4, 5, 6, 7 or 10, with the customary top box.

        Raises
        ------
        InvalidDataError
            If there is no customary top box for so many points.
        """
        if points not in tuple(_TOP_BOX):
            raise InvalidDataError(
                f"satisfaction on {points!r} points has no customary top box. There is one for"
                f" {', '.join(map(str, _TOP_BOX))}; else give clm.Scale(low, high, bottom=..., top=...)."
            )
        return cls(1, points)

    @classmethod
    def stars(cls) -> Scale:
        """One to five stars: 4 and 5 are satisfied."""
        return cls(1, 5)

    @classmethod
    def thumbs(cls) -> Scale:
        """Thumb down 0, up 1."""
        return cls(0, 1, labels=("down", "up"))

    @classmethod
    def zendesk(cls) -> Scale:
        """Zendesk's satisfaction rating: bad 0, good 1. Offered and unoffered are no answers."""
        return cls(0, 1, labels=("bad", "good"))

    @classmethod
    def hubspot_csat(cls) -> Scale:
        """HubSpot's stored satisfaction, 0 to 2: only 2 is satisfied."""
        return cls(0, 2)

    @classmethod
    def nsat(cls) -> Scale:
        """Four points without a middle: very satisfied 4, dissatisfied 1 and 2."""
        return cls(1, 4, bottom=2, top=4)

    @classmethod
    def ces1(cls) -> Scale:
        """Customer effort of 2010, 1 very low to 5 very high: low is good."""
        return cls(1, 5, bottom=2, top=4, higher_is_better=False)

    @classmethod
    def ces2(cls) -> Scale:
        """Customer effort of 2013, "made it easy for me", 1 to 7: 5 to 7 agree, 1 to 3 disagree."""
        return cls(1, 7, bottom=3, top=5)

    @classmethod
    def ellis(cls) -> Scale:
        """How disappointed without the product: 1 not, 2 somewhat, 3 very (Ellis 2009)."""
        return cls(1, 3, labels=("not disappointed", "somewhat disappointed", "very disappointed"))

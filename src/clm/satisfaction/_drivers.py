"""What an overall answer goes along with: how much each driver explains, and how well it is rated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import numpy as np
from attrs import evolve, field, frozen

from clm.errors import InvalidDataError
from clm.satisfaction._lmg import covariance_of, resampled_covariances, shapley_of_r_squared
from clm.stats import Draws, Estimate, NoBand, StudentT, array_field, frozen_array, generator, seal, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.stats import Band
    from clm.typing import Array, FloatArray, RandomState

Quadrant: TypeAlias = Literal["concentrate here", "keep up the good work", "low priority", "possible overkill"]

_MOST_DRIVERS: Final = 15
_LEAST_DRAWS: Final = 2
_MOST_RESAMPLES: Final = 100_000
_CAVEAT: Final = "This is association: a driver that explains much need not cause it, and raising it need not help."


@final
@frozen(kw_only=True, repr=False)
class Drivers:
    """How much of an overall answer each driver explains, and how it is rated; build it with ``clm.drivers``.

    Attributes
    ----------
    names : tuple of str
        The drivers.
    outcome : str
        The overall answer.
    n : int
        Respondents who answered everything.
    missing : int
        Respondents who did not, and were left out.
    correlations : (drivers + 1, drivers + 1) ndarray of float64
        Pearson's, of the drivers and, last, the outcome; 0 throughout for one that does not vary.
    mean_rating : (drivers,) ndarray of float64
        Mean answer of each driver; from 0, worst, to 100, best, where scales were given.
    scaled : bool
        Whether scales were given.
    rating_error : (drivers,) ndarray of float64
        Standard errors of these means.
    draws : (resamples, drivers) ndarray of float64
        What resampled respondents give for the importances.

    Examples
    --------
    >>> answers = {"score": [9, 3, 10, 6, 8, 2], "speed": [5, 2, 5, 3, 4, 1], "price": [3, 2, 4, 2, 5, 2]}
    >>> found = clm.drivers(answers, ["speed", "price"], resamples=200)
    >>> found.importance.value.round(2)
    array([0.71, 0.27])
    >>> round(found.r_squared.value, 2)
    0.98
    """

    names: tuple[str, ...]
    outcome: str
    n: int
    missing: int = 0
    correlations: FloatArray = array_field(converter=lambda matrix: frozen_array(matrix, float))
    mean_rating: FloatArray = array_field(converter=lambda mean: frozen_array(mean, float))
    rating_error: FloatArray = array_field(converter=lambda error: frozen_array(error, float))
    scaled: bool = field(default=False)
    draws: FloatArray = array_field(converter=lambda draws: frozen_array(draws, float))

    __setstate__ = seal

    @property
    def undefined(self) -> str | None:
        """Why nothing can be explained, else None."""
        if not self.n:
            return "nobody answered everything"
        if not self.correlations[-1, -1] > 0:
            return f"all answers to {self.outcome} are the same"
        if self.n < len(self.names) + 2:
            return f"{self.n:,} respondents cannot tell {len(self.names)} drivers apart"
        return None

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before acting on it."""
        spread = np.diag(self.correlations)[:-1] > 0
        flat = [name for name, varies in zip(self.names, spread, strict=True) if not varies]
        constant = (
            (f"All answers to {', '.join(flat)} are the same: they can explain nothing.",) if flat and self.n else ()
        )
        few = len(self.names) * 10
        small = (f"With fewer than {few} respondents R squared is much too high.",) if 0 < self.n < few else ()
        return (_CAVEAT, *constant, *small)

    @property
    def importance(self) -> Estimate[FloatArray]:
        """Each driver's part of the explained variance; the parts add up to `r_squared`."""
        value = self._shapley()
        error = (
            np.nanstd(self.draws, axis=0, ddof=1)
            if self._known_draws >= _LEAST_DRAWS
            else np.full(len(self.names), np.nan)
        )
        return Estimate(
            value=value,
            standard_error=error,
            n=np.full(len(self.names), self.n),
            name="importance",
            unit="fraction",
            definition=(
                f"Part of the variance of {self.outcome} that each driver explains: its gain in R squared, averaged"
                " over all orders of entering the regression (Shapley, LMG); respondents with a missing answer left"
                " out."
            ),
            index=np.array(self.names),
            undefined=self.undefined,
            band=self._band(self.draws),
            caveats=self.caveats,
        )

    @property
    def r_squared(self) -> Estimate[float]:
        """What all drivers explain together."""
        draws = self.draws.sum(axis=1)
        value = float(self._shapley().sum())
        return Estimate(
            value=value,
            standard_error=float(np.nanstd(draws, ddof=1)) if self._known_draws >= _LEAST_DRAWS else np.nan,
            n=self.n,
            name="R squared",
            unit="fraction",
            definition=f"Part of the variance of {self.outcome} that {', '.join(self.names)} explain together.",
            undefined=self.undefined,
            band=self._band(draws),
            caveats=self.caveats,
        )

    def _shapley(self) -> FloatArray:
        if self.undefined is not None:
            return np.full(len(self.names), np.nan)
        found: FloatArray = shapley_of_r_squared(self.correlations[None])[0]
        return found

    def _band(self, draws: FloatArray) -> Band:
        known = draws[~np.isnan(self.draws).any(axis=1)].T
        if self._known_draws < _LEAST_DRAWS:
            return NoBand("no respondents were resampled")
        return Draws(draws=known, kind="bootstrap", lowest=0.0, highest=1.0)

    @property
    def _known_draws(self) -> int:
        return int((~np.isnan(self.draws).any(axis=1)).sum())

    @property
    def performance(self) -> Estimate[FloatArray]:
        """How each driver is rated: its mean answer, with Student's t interval."""
        flat = self.rating_error == 0
        error = np.where(flat, np.nan, self.rating_error)
        return Estimate(
            value=self.mean_rating,
            standard_error=error,
            n=np.full(len(self.names), self.n),
            name="performance",
            unit="points",
            definition=(
                "Mean answer, from 0 for the worst point of its scale to 100 for the best."
                if self.scaled
                else "Mean answer."
            ),
            index=np.array(self.names),
            undefined="nobody answered everything",
            band=StudentT(np.asarray(self.n - 1.0), *((0.0, 100.0) if self.scaled else (-np.inf, np.inf))),
        )

    @property
    def correlation(self) -> FloatArray:
        """Pearson's correlation of each driver with the outcome; NaN where one of the two does not vary."""
        varies = np.diag(self.correlations) > 0
        return frozen_array(np.where(varies[:-1] & varies[-1], self.correlations[:-1, -1], np.nan))

    @property
    def beta(self) -> FloatArray:
        """Standardised regression coefficients, the shortest where drivers determine each other; NaN if undefined."""
        if self.undefined is not None:
            return frozen_array(np.full(len(self.names), np.nan))
        found, *_ = np.linalg.lstsq(self.correlations[:-1, :-1], self.correlations[:-1, -1], rcond=1e-10)
        return frozen_array(found)

    @property
    def quadrant(self) -> Array:
        """Where each driver lies, above or below the mean importance and rating [1]_; None where undefined.

        References
        ----------
        .. [1] Martilla and James (1977), Importance-performance analysis, Journal of Marketing 41, 77-79.
        """
        importance, rating = self._shapley(), self.mean_rating
        named = np.full(len(self.names), None, object)
        if self.undefined is None:
            for i in range(len(self.names)):
                matters, good = importance[i] >= importance.mean(), rating[i] >= rating.mean()
                named[i] = _QUADRANTS[bool(matters), bool(good)]
        return frozen_array(named)

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a driver, for ``clm.to_frame``.

        Parameters
        ----------
        level
            Nominal coverage of the limits.

        Returns
        -------
        dict of str to (drivers,) ndarray
        """
        importance, performance = self.importance, self.performance
        limits = {
            "importance": importance.confidence_interval(level),
            "performance": performance.confidence_interval(level),
        }
        total = importance.value.sum()
        names = np.empty(len(self.names), object)
        names[:] = self.names
        return {
            "driver": names,
            "importance": importance.value,
            "importance_low": np.asarray(limits["importance"].low),
            "importance_high": np.asarray(limits["importance"].high),
            "share": importance.value / total if total > 0 else np.full(len(names), np.nan),
            "performance": performance.value,
            "performance_low": np.asarray(limits["performance"].low),
            "performance_high": np.asarray(limits["performance"].high),
            "correlation": self.correlation,
            "beta": self.beta,
            "quadrant": self.quadrant,
        }

    def __repr__(self) -> str:
        if self.undefined is not None:
            return f"<Drivers of {self.outcome}: undefined, because {self.undefined}>"
        value = self._shapley()
        order = np.argsort(-value, kind="stable")
        parts = ", ".join(f"{self.names[i]} {value[i]:.3g}" for i in order.tolist())
        return (
            f"<Drivers of {self.outcome}: {parts}; R squared {value.sum():.3g}, n = {self.n:,}; association, not cause>"
        )


_QUADRANTS: Final[dict[tuple[bool, bool], Quadrant]] = {
    (True, False): "concentrate here",
    (True, True): "keep up the good work",
    (False, False): "low priority",
    (False, True): "possible overkill",
}


def explain(
    outcome: str,
    names: Sequence[str],
    rows: FloatArray,
    *,
    ratings: FloatArray | None = None,
    resamples: int = 1000,
    rng: RandomState = 0,
) -> Drivers:
    """Share the explained variance of an outcome out among drivers.

    Parameters
    ----------
    outcome, names
        What the outcome and the drivers are called.
    rows : (respondents, drivers + 1) ndarray
        Answers, the outcome last; NaN where missing.
    ratings : (respondents, drivers) ndarray, optional
        The drivers' answers from 0, worst, to 100, best.
    resamples, rng
        As in ``clm.drivers``.

    Returns
    -------
    Drivers

    Raises
    ------
    InvalidDataError
        If there are no drivers or too many of them, or `resamples` is no such number.

    Examples
    --------
    >>> rows = np.array([[1.0, 1.0], [2.0, 4.0], [3.0, 9.0], [4.0, 16.0]])
    >>> round(clm.satisfaction.explain("square", ["number"], rows, resamples=100).r_squared.value, 3)
    0.969
    """
    if not 1 <= len(names) <= _MOST_DRIVERS:
        raise InvalidDataError(
            f"{len(names)} drivers: every subset of them is a regression, so give 1 to {_MOST_DRIVERS}. Combine those"
            " that ask for the same."
        )
    samples = whole_number(resamples, "resamples")
    if samples > _MOST_RESAMPLES:
        raise InvalidDataError(f"resamples must be {_MOST_RESAMPLES:,} or fewer, not {samples:,}.")
    complete = ~np.isnan(rows).any(axis=1)
    known = rows[complete]
    rated = (rows[:, :-1] if ratings is None else ratings)[complete]
    n = len(known)
    # Equal rows are counted, so that neither their order nor their number matters to the resampling.
    distinct, counts = np.unique(_standardised(known), axis=0, return_counts=True)
    found = Drivers(
        names=tuple(names),
        outcome=outcome,
        n=n,
        missing=int((~complete).sum()),
        correlations=covariance_of(distinct, counts) if n else np.full(2 * rows.shape[1:], np.nan),
        mean_rating=rated.mean(axis=0) if n else np.full(len(names), np.nan),
        rating_error=rated.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(names), np.nan),
        scaled=ratings is not None,
        draws=np.empty((0, len(names))),
    )
    if found.undefined is not None or not samples:
        return found
    draws = shapley_of_r_squared(resampled_covariances(distinct, counts, samples, generator(rng)))
    return evolve(found, draws=draws)


def _standardised(rows: FloatArray) -> FloatArray:
    """Return columns of mean 0 and variance 1; 0 throughout where all entries are the same."""
    if not len(rows):
        return rows
    largest = np.abs(rows).max(axis=0)
    near_one = rows / np.where(largest > 0, largest, 1.0)
    varies = rows.max(axis=0) > rows.min(axis=0)  # rounding must not give identical answers a spread
    spread = np.where(varies, near_one.std(axis=0), 1.0)
    scaled: FloatArray = np.where(varies, (near_one - near_one.mean(axis=0)) / np.where(spread > 0, spread, 1.0), 0.0)
    return scaled

"""Compare two arms of an experiment, and say when they cannot be told apart."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final, Literal, final

import numpy as np
from attrs import field, frozen
from scipy import special

from clm.economics._sample_size import detectable, power_of
from clm.errors import InvalidDataError
from clm.stats import Estimate, check_level, floats, plain_number, proportion, wilson_limits, z_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.typing import FloatArray

Verdict = Literal["variant is better", "control is better", "inconclusive"]

_MISMATCH: Final = 0.001  # p-value below which arms of these sizes were not drawn as intended
_FEWEST: Final = 5  # expected successes or failures of an arm, below which the score test is rough


def ab_test(
    successes: Sequence[int],
    trials: Sequence[int],
    *,
    level: float = 0.95,
    target_power: float = 0.8,
    split: Sequence[float] = (1, 1),
) -> ABTest:
    """Compare the success rates of a control and a variant.

    Parameters
    ----------
    successes, trials
        Whole numbers, control first. A trial is whatever was drawn into an arm, usually a customer; several visits of
        one customer are not independent trials.
    level
        One less the probability of finding a difference that is not there; inside (0, 1).
    target_power
        Power at which the minimum detectable effect is stated; inside (0, 1).
    split
        How trials were to be divided, control first; checked against how they were.

    Returns
    -------
    ABTest
        ``difference``, ``uplift``, ``p_value``, ``power``, ``minimum_detectable_effect``, ``verdict`` and more.

    Raises
    ------
    InvalidDataError
        If there are not two arms, a count is no whole number, or successes exceed trials.

    Notes
    -----
    The p-value is that of the score test with the pooled rate, which is the chi-squared test without continuity
    correction; where fewer than 5 successes or failures are expected in an arm, the verdict goes by Fisher's exact
    test. The difference has Newcombe's interval [1]_, the uplift that of a log ratio of rates [2]_, which knows
    that the control's rate is estimated too. The three may disagree near the edge; the verdict names a winner only
    where they agree. It holds for one look at one metric: watching until it turns significant, or picking the best of
    many metrics, finds differences that are not there.

    References
    ----------
    .. [1] Newcombe (1998), Statistics in Medicine 17, 873-890.
    .. [2] Katz, Baptista, Azen and Pike (1978), Biometrics 34, 469-474.

    Examples
    --------
    >>> test = clm.ab_test([120, 150], [1000, 1000])
    >>> test.difference
    <difference: 0.03 fraction (95% interval 1.378e-05 to 0.06001; n = 2,000)>
    >>> test.uplift
    <uplift: 0.25 fraction (95% interval -0.0003267 to 0.563; n = 2,000)>
    >>> round(test.p_value, 4), test.verdict
    (0.0496, 'inconclusive')
    """
    hits, of = floats(successes, "successes"), floats(trials, "trials")
    if len(hits) != 2 or len(of) != 2:
        raise InvalidDataError(
            f"successes has {len(hits):,} arms and trials {len(of):,}: give two each, control first. "
            "Compare several variants with the control one by one, and adjust their p-values."
        )
    for name, counts in (("successes", hits), ("trials", of)):
        if not (np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))).all():
            raise InvalidDataError(f"{name} must be whole numbers from 0 on, not {counts.tolist()}.")
    if (hits > of).any():
        raise InvalidDataError(f"successes {hits.tolist()} exceed trials {of.tolist()}. Check which is which.")
    planned = floats(split, "split")
    if len(planned) != 2 or not (np.isfinite(planned) & (planned > 0)).all():
        raise InvalidDataError(f"split must be two positive numbers, control first, not {split!r}.")
    power = plain_number(target_power, "target_power")
    if not 0 < power < 1:
        raise InvalidDataError(f"target_power must lie strictly between 0 and 1, not {power:g}.")
    return ABTest(
        successes=(int(hits[0]), int(hits[1])),
        trials=(int(of[0]), int(of[1])),
        level=check_level(level),
        target_power=power,
        split=(float(planned[0]), float(planned[1])),
    )


@final
@frozen(kw_only=True, repr=False)
class ABTest:
    """Two arms compared; build it with `ab_test`.

    Attributes
    ----------
    successes, trials : tuple of int
        Control first.
    level, target_power : float
        See `ab_test`.
    split : tuple of float
        How trials were to be divided.

    Examples
    --------
    >>> test = clm.ab_test([500, 600], [10_000, 10_000])
    >>> test
    <ABTest: variant is better, 0.05 to 0.06 (95% interval of the difference 0.003682 to 0.01633; p = 0.001925)>
    >>> test.caveats
    ()
    """

    successes: tuple[int, int]
    trials: tuple[int, int]
    level: float = 0.95
    target_power: float = 0.8
    split: tuple[float, float] = field(default=(1.0, 1.0))

    @property
    def control(self) -> Estimate[float]:
        """Success rate of the control."""
        return self._rate(0, "control")

    @property
    def variant(self) -> Estimate[float]:
        """Success rate of the variant."""
        return self._rate(1, "variant")

    @property
    def difference(self) -> Estimate[float]:
        """Rate of the variant less that of the control, with Newcombe's interval."""
        (hits, hits_new), (of, of_new) = self.successes, self.trials
        defined = self.undefined is None
        return Estimate(
            value=hits_new / of_new - hits / of if defined else np.nan,
            standard_error=float(np.hypot(self.control.standard_error, self.variant.standard_error)),
            n=of + of_new,
            name="difference",
            unit="fraction",
            definition="Success rate of the variant less that of the control.",
            undefined=self.undefined,
            band=Newcombe(self.successes, self.trials),
        )

    @property
    def uplift(self) -> Estimate[float]:
        """Change of the rate relative to the control's, with the interval of a log ratio of rates."""
        (hits, hits_new), (of, of_new) = self.successes, self.trials
        reason = self.undefined or (None if hits else "the control had no success")
        ratio = (hits_new / of_new) / (hits / of) if reason is None else np.nan
        return Estimate(
            value=ratio - 1,
            standard_error=ratio * _log_ratio_error(self.successes, self.trials) if reason is None else np.nan,
            n=of + of_new,
            name="uplift",
            unit="fraction",
            definition="Success rate of the variant over that of the control, less 1.",
            undefined=reason,
            band=LogRatio(self.successes, self.trials),
        )

    @property
    def undefined(self) -> str | None:
        """Why the arms cannot be compared, else None."""
        return None if all(self.trials) else f"the {'variant' if self.trials[0] else 'control'} had no trials"

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the score test; NaN where `undefined` says why."""
        if self.undefined:
            return np.nan
        (hits, hits_new), (of, of_new) = self.successes, self.trials
        pooled = (hits + hits_new) / (of + of_new)
        error = sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_new))
        return float(2 * special.ndtr(-abs(hits_new / of_new - hits / of) / error)) if error else 1.0

    @property
    def exact_p_value(self) -> float:
        """Two-sided p-value of Fisher's exact test, for arms with few successes or failures; NaN where undefined."""
        if self.undefined:
            return np.nan
        from scipy.stats import fisher_exact

        hits = np.array(self.successes)
        return float(fisher_exact(np.stack([hits, np.array(self.trials) - hits]))[1])

    @property
    def power(self) -> float:
        """Probability that a repeat of this size finds a difference as large as the one observed; NaN where undefined.

        It says no more than the p-value does. To judge whether a test was large enough, look at
        `minimum_detectable_effect`.
        """
        if self.undefined:
            return np.nan
        return power_of((self.control.value, self.variant.value), self.trials, self.level)

    @property
    def minimum_detectable_effect(self) -> float:
        """Smallest rise over the control's rate that a test of this size finds with `target_power`.

        As a fraction: 0.04 for 4 percentage points. NaN where no rise is, or a trial is missing.
        """
        return np.nan if self.undefined else detectable(self.control.value, self.trials, self.target_power, self.level)

    @property
    def split_p_value(self) -> float:
        """P-value of the trials' division against the planned one (sample ratio mismatch); NaN without trials.

        Below 0.001 something draws customers into the wrong arm or loses them, and the comparison is not to be trusted.
        """
        total = sum(self.trials)
        if not total:
            return np.nan
        expected = [total * share / sum(self.split) for share in self.split]
        distance = sum((of - e) ** 2 / e for of, e in zip(self.trials, expected, strict=True))
        return float(special.chdtrc(1, distance))

    @property
    def verdict(self) -> Verdict:
        """Which arm is better, where test and both intervals agree and the arms were drawn as planned."""
        if self.undefined or self._mismatch or not (self._significant and all(self._excludes_zero)):
            return "inconclusive"
        return "variant is better" if self.difference.value > 0 else "control is better"

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before acting on the verdict."""
        if self.undefined:
            return (f"There is nothing to compare: {self.undefined}.",)
        found = []
        if self._mismatch:
            found.append(
                f"Trials are divided {self.trials[0]:,} to {self.trials[1]:,}, which the planned split hardly gives "
                f"(p = {self.split_p_value:.2g}): find out why before reading the result."
            )
        if self._few:
            found.append(f"Fewer than {_FEWEST} cases are expected in some cell: the verdict goes by exact_p_value.")
        if len({self._significant, *self._excludes_zero}) > 1:
            found.append("The test and the intervals of difference and uplift disagree: the evidence is at the edge.")
        return tuple(found)

    @property
    def _few(self) -> bool:
        hits, of = sum(self.successes), sum(self.trials)
        return min(trials * min(hits, of - hits) / of for trials in self.trials) < _FEWEST

    @property
    def _significant(self) -> bool:
        return (self.exact_p_value if self._few else self.p_value) < 1 - self.level

    @property
    def _mismatch(self) -> bool:
        return self.split_p_value < _MISMATCH

    @property
    def _excludes_zero(self) -> tuple[bool, ...]:
        intervals = [self.difference.confidence_interval(self.level)]
        # Without a success in one arm a ratio says nothing that the difference does not.
        if all(self.successes):
            intervals.append(self.uplift.confidence_interval(self.level))
        return tuple(bool(interval.low > 0 or interval.high < 0) for interval in intervals)

    def _rate(self, arm: int, name: str) -> Estimate[float]:
        return proportion(
            self.successes[arm],
            self.trials[arm],
            name=f"{name} rate",
            definition=f"Successes over trials of the {name}.",
            undefined=f"the {name} had no trials",
        )

    def __repr__(self) -> str:
        if self.undefined:
            return f"<ABTest: undefined, because {self.undefined}>"
        low, high = self.difference.confidence_interval(self.level)
        return (
            f"<ABTest: {self.verdict}, {self.control.value:.4g} to {self.variant.value:.4g} "
            f"({100 * self.level:.4g}% interval of the difference {low:.4g} to {high:.4g}; p = {self.p_value:.4g})>"
        )


@final
@frozen
class Newcombe:
    """Limits of a difference of two shares, from Wilson's limits of each."""

    successes: tuple[int, int]
    trials: tuple[int, int]

    @property
    def method(self) -> str:
        """The method's name."""
        return "Newcombe"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends, inside [-1, 1]; NaN without trials."""
        trials = np.asarray(self.trials, float)
        share = np.divide(self.successes, trials, out=np.full(2, np.nan), where=trials > 0)
        low, high = wilson_limits(share, trials, level)
        (below, below_new), (above, above_new) = share - low, high - share
        # The ends cannot leave the range, but rounding can.
        return np.maximum(value - np.hypot(below_new, above), -1), np.minimum(value + np.hypot(above_new, below), 1)


@final
@frozen
class LogRatio:
    """Limits of a ratio of two shares less 1, symmetric on the log scale.

    Without a success in the variant, half a success and half a failure are added to each arm.
    """

    successes: tuple[int, int]
    trials: tuple[int, int]

    @property
    def method(self) -> str:
        """The method's name."""
        return "log ratio"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends, from -1 on; NaN without a success in the control."""
        hits, trials = np.asarray(self.successes, float), np.asarray(self.trials, float)
        if not (hits[0] and trials.all()):
            return np.asarray(np.nan), np.asarray(np.nan)
        if not hits[1]:
            hits, trials = hits + 0.5, trials + 1
        ratio = hits[1] / trials[1] / (hits[0] / trials[0])
        half = z_score(level) * sqrt((1 / hits - 1 / trials).sum())
        return np.asarray(ratio * np.exp(-half) - 1), np.asarray(ratio * np.exp(half) - 1)


def _log_ratio_error(successes: Sequence[int], trials: Sequence[int]) -> float:
    """Return the standard error of the log ratio; 0 where the variant has no success, so that the ratio's is 0."""
    if not successes[1]:
        return 0.0
    return sqrt(sum(1 / hits - 1 / of for hits, of in zip(successes, trials, strict=True)))

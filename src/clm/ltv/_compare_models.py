"""Which of several purchase models the data speak for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.errors import InvalidDataError
from clm.ltv._likelihood_ratio import LikelihoodRatioTest, likelihood_ratio
from clm.ltv._named import named
from clm.ltv._purchase_fit import PurchaseFit
from clm.stats import array_field, figure, frozen_array, same, seal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.data import RFM
    from clm.typing import Array, FloatArray

_WITHIN: Final = {
    "NBD": ("BG/NBD", "MBG/NBD", "Pareto/NBD", "GGompertz/NBD"),
    "Pareto/NBD": ("GGompertz/NBD",),
}
"""Which models contain which, at the edge of their range."""

_EDGE: Final = (
    " The simpler model is at the edge of the wider one's range, which makes the p-value too large, if anything."
)


@final
@frozen(kw_only=True, repr=False)
class ModelComparison:
    """Purchase models side by side, fitted to the same customers; build it with `compare_models`.

    Attributes
    ----------
    models : tuple of str
        Names, in the order given.
    loglik, aic, bic : (models,) ndarray of float64
        As in each fit; lower criteria are better.
    parameters : (models,) ndarray of int64
        How many each has.
    n : int
        Customers.
    difference, difference_error : (models,) ndarray of float64
        Log-likelihood less that of the best model by AIC, and its standard error over the customers; 0 for the best.
    tests : mapping of (str, str) to LikelihoodRatioTest
        Of each model against each simpler one within it: (wider, simpler).
    caveats : tuple of str
        What a careful reader should know before choosing.
    """

    models: tuple[str, ...]
    loglik: FloatArray = array_field()
    aic: FloatArray = array_field()
    bic: FloatArray = array_field()
    parameters: Array = array_field()
    n: int
    difference: FloatArray = array_field()
    difference_error: FloatArray = array_field()
    tests: Mapping[tuple[str, str], LikelihoodRatioTest]
    caveats: tuple[str, ...]

    __setstate__ = seal

    @property
    def best(self) -> str:
        """The model with the least AIC."""
        return self.models[int(np.argmin(self.aic))]

    @property
    def weights(self) -> FloatArray:
        """Akaike weights: how plausible each is among these, adding up to 1."""
        return frozen_array(np.exp(-0.5 * (self.aic - self.aic.min()) - _log_sum(-0.5 * (self.aic - self.aic.min()))))

    @property
    def z(self) -> FloatArray:
        """Vuong's statistic against the best model: the difference in its standard errors; NaN for the best."""
        known = self.difference_error > 0
        return frozen_array(np.where(known, self.difference / np.where(known, self.difference_error, 1.0), np.nan))

    @property
    def p_value(self) -> FloatArray:
        """Two-sided chance of such a difference if both models are as far from the truth; NaN for the best."""
        return frozen_array(2 * special.ndtr(-np.abs(self.z)))

    def to_columns(self) -> dict[str, Array]:
        """Return one row a model, for ``clm.to_frame``."""
        return {
            "model": np.array(self.models, object),
            "parameters": self.parameters,
            "loglik": self.loglik,
            "aic": self.aic,
            "bic": self.bic,
            "weight": self.weights,
            "difference": self.difference,
            "difference_error": self.difference_error,
            "z": self.z,
            "p_value": self.p_value,
        }

    def __repr__(self) -> str:
        lines = [
            f"  {name}: log-likelihood {loglik:,.3f}, {count} parameters, AIC {aic:,.2f}, weight {figure(weight)}"
            for name, loglik, count, aic, weight in zip(
                self.models, self.loglik, self.parameters, self.aic, self.weights, strict=True
            )
        ]
        return "\n".join([f"<ModelComparison: {self.n:,} customers, best {self.best}", *lines]) + ">"


def compare_models(fits: Sequence[PurchaseFit] | Mapping[str, PurchaseFit]) -> ModelComparison:
    """Compare purchase models that were fitted to the same customers.

    Parameters
    ----------
    fits
        Two or more fits; a mapping's keys name them, else their models do.

    Returns
    -------
    ModelComparison
        Log-likelihoods, AIC and BIC with Akaike weights; likelihood-ratio tests where one model contains another; and
        the difference to the best model customer by customer, with its standard error.

    Raises
    ------
    InvalidDataError
        If there are fewer than two fits, one is no fit of a purchase model or does not hold its data, or they were
        fitted to different customers.

    Notes
    -----
    The difference of two log-likelihoods is a sum over customers, so that its standard error is that of a sum [1]_.
    The test takes for granted that neither model contains the other and that they do differ; where one does contain
    the other, take the likelihood-ratio test instead. All of this looks at the customers that the models were fitted
    to: `backtest` asks how they predict.

    References
    ----------
    .. [1] Vuong (1989), "Likelihood ratio tests for model selection and non-nested hypotheses", Econometrica 57,
       307-333.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")
    >>> comparison = clm.compare_models([clm.NBD().fit(rfm), clm.BGNBD().fit(rfm), clm.ParetoNBD().fit(rfm)])
    >>> comparison.models, comparison.best
    (('NBD', 'BG/NBD', 'Pareto/NBD'), 'BG/NBD')
    >>> comparison.aic.round(2)
    array([19531.32, 19172.86, 19197.95])
    >>> comparison.tests["BG/NBD", "NBD"].statistic > 300
    True
    """
    chosen = named(fits, "fits", lambda fit: str(getattr(fit, "model", "")))
    if len(chosen) < 2:
        raise InvalidDataError(f"compare_models needs two fits or more, not {len(chosen)}.")
    for name, fit in chosen.items():
        _check(name, fit)
    cells = _common_cells(chosen)
    weights = np.asarray(cells.weights)
    aic = np.array([fit.aic for fit in chosen.values()])
    best = list(chosen.values())[int(np.argmin(aic))]
    of_best = best.pointwise_loglik(cells)
    differences, errors = [], []
    for fit in chosen.values():
        away = fit.pointwise_loglik(cells) - of_best
        mean = weights @ away / weights.sum()
        differences.append(fit.loglik - best.loglik)
        errors.append(0.0 if fit is best else float(np.sqrt(weights @ (away - mean) ** 2)))
    return ModelComparison(
        models=tuple(chosen),
        loglik=frozen_array(np.array([fit.loglik for fit in chosen.values()])),
        aic=frozen_array(aic),
        bic=frozen_array(np.array([fit.bic for fit in chosen.values()])),
        parameters=frozen_array(np.array([len(fit.params) for fit in chosen.values()], np.int64)),
        n=best.n,
        difference=frozen_array(np.array(differences)),
        difference_error=frozen_array(np.array(errors)),
        tests=_tests(chosen),
        caveats=_caveats(chosen),
    )


def _check(name: str, fit: Any) -> None:
    if not isinstance(fit, PurchaseFit):
        raise InvalidDataError(
            f"{name} is no fit of a purchase model but {type(fit).__name__}. Give clm.BGNBD().fit(rfm), for one."
        )
    if np.isnan(fit.loglik) or fit.origin is None:
        raise InvalidDataError(
            f"{name} does not hold its data: its parameters were given or read from a text. Fit it to the histories."
        )


def _common_cells(chosen: Mapping[str, PurchaseFit]) -> RFM:
    first, *others = chosen.items()
    name, fit = first
    assert fit.origin is not None
    cells = fit.origin.cells
    for other_name, other in others:
        assert other.origin is not None
        theirs = other.origin.cells
        if theirs.unit != cells.unit or not all(
            same(getattr(cells, column), getattr(theirs, column)) for column in ("frequency", "recency", "T", "weights")
        ):
            raise InvalidDataError(
                f"{name} and {other_name} were fitted to different customers ({cells!r} and {theirs!r}): their "
                "likelihoods do not compare. Fit both to the same histories."
            )
    for other_name, other in chosen.items():
        if (other.k or 1) > 1 and getattr(cells, "sum_log_gaps", None) is None:
            raise InvalidDataError(
                f"the log-likelihood of {other_name} lacks the times between purchases. Build the histories with "
                "clm.rfm(orders, ...), which keeps them."
            )
    return cells


def _tests(chosen: Mapping[str, PurchaseFit]) -> dict[tuple[str, str], LikelihoodRatioTest]:
    tests = {}
    for narrow_name, narrow in chosen.items():
        for wide_name, wide in chosen.items():
            if wide.model in _WITHIN.get(narrow.model, ()):
                test = likelihood_ratio(wide.parameters, narrow.parameters, full=wide_name, restricted=narrow_name)
                tests[wide_name, narrow_name] = LikelihoodRatioTest(
                    statistic=test.statistic, df=test.df, p_value=test.p_value, definition=test.definition + _EDGE
                )
    return tests


def _caveats(chosen: Mapping[str, PurchaseFit]) -> tuple[str, ...]:
    caveats = ["the models are compared on the customers that they were fitted to: backtest tells how they predict"]
    caveats += [
        f"{name}: {fit.parameters.undefined}" for name, fit in chosen.items() if fit.parameters.undefined is not None
    ]
    return tuple(caveats)


def _log_sum(logs: FloatArray) -> float:
    return float(special.logsumexp(logs))

"""How well purchase models predict what customers did afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.data import Holdout
from clm.errors import InvalidDataError
from clm.ltv._arguments import as_rfm, generator
from clm.ltv._mixture import at_values, thinned
from clm.ltv._named import named
from clm.ltv._posterior_fit import PosteriorFit
from clm.stats import (
    Estimate,
    Interval,
    Normal,
    array_field,
    check_level,
    figure,
    frozen_array,
    mean,
    proportion,
    refuse,
    seal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.data import RFM
    from clm.typing import Array, FloatArray, IntArray, RandomState

_COUNTS: Final = 200
_FEWEST: Final = 50
_ROOM: Final = 20_000_000
_LAST_BIN: Final = 7


@final
@frozen(kw_only=True, repr=False)
class BacktestScore:
    """How one model predicted.

    Attributes
    ----------
    model : str
        Its name.
    predicted : Estimate
        Purchases expected of all customers together.
    actual : int
        Purchases that they made.
    total_interval : Interval
        Prediction interval for their number.
    mae, rmse, bias : Estimate
        Mean absolute error, root of the mean squared error, and mean of predicted less actual, a customer.
    crps : Estimate
        Mean continuous ranked probability score: how far the predicted distribution of a customer's count is from it;
        in purchases, lower is better; for a point prediction it is the absolute error.
    coverage : Estimate
        Share of customers whose count lies in their prediction interval.
    bin_predicted : (bins,) ndarray of float64
        Mean expected purchases a customer, by purchases in the calibration.
    """

    model: str
    predicted: Estimate[float]
    actual: int
    total_interval: Interval[float]
    mae: Estimate[float]
    rmse: Estimate[float]
    bias: Estimate[float]
    crps: Estimate[float]
    coverage: Estimate[float]
    bin_predicted: FloatArray = array_field()

    __setstate__ = seal

    @property
    def total_covered(self) -> bool:
        """Whether the number of purchases lies in its prediction interval."""
        return bool(self.total_interval.low <= self.actual <= self.total_interval.high)

    @property
    def total_error(self) -> float:
        """Predicted less actual purchases, as a share of the actual ones; NaN without any."""
        return (self.predicted.value - self.actual) / self.actual if self.actual else float("nan")


@final
@frozen(kw_only=True, repr=False)
class Backtest:
    """Purchase models on the same customers and holdout; build it with ``clm.backtest``.

    A model's score is found by its name, as in ``test["BG/NBD"]``.

    Attributes
    ----------
    scores : tuple of BacktestScore
        One a model, in the order given.
    n : int
        Customers.
    duration : float
        Length of the holdout, in `unit`.
    unit : str
    level : float
        Nominal coverage of the prediction intervals.
    bins : tuple of str
        Repeat purchases in the calibration, as ``"0"``, ``"1"``, ``"7+"``.
    bin_customers : (bins,) ndarray of int64
    bin_actual : (bins,) ndarray of float64
        Mean purchases a customer in the holdout; NaN where a bin is empty.
    """

    scores: tuple[BacktestScore, ...]
    n: int
    duration: float
    unit: str
    level: float
    bins: tuple[str, ...]
    bin_customers: IntArray = array_field()
    bin_actual: FloatArray = array_field()

    __setstate__ = seal

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(score.model for score in self.scores)

    @property
    def best(self) -> str:
        """The model with the least CRPS, else the least mean absolute error."""
        by_crps = [score.crps.value for score in self.scores]
        by_error = [score.mae.value for score in self.scores]
        return self.models[int(np.argmin(by_error if np.isnan(by_crps).any() else by_crps))]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, model: str) -> BacktestScore:
        for score in self.scores:
            if score.model == model:
                return score
        raise InvalidDataError(f"{model!r} was not tested. Models are {', '.join(self.models)}.")

    def calibration_by_frequency(self) -> dict[str, Array]:
        """Return mean purchases in the holdout by purchases in the calibration, actual and predicted.

        Returns
        -------
        dict of str to (bins,) ndarray
            ``frequency``, ``customers``, ``actual`` and one column a model; ``clm.to_frame`` takes `to_columns` only.
        """
        columns: dict[str, Array] = {
            "frequency": np.array(self.bins, object),
            "customers": self.bin_customers,
            "actual": self.bin_actual,
        }
        return columns | {score.model: score.bin_predicted for score in self.scores}

    def to_columns(self) -> dict[str, Array]:
        """Return one row a model, for ``clm.to_frame``."""

        def column(values: list[float]) -> Array:
            return np.array(values, np.float64)

        numbers = {
            name: column([getattr(score, name).value for score in self.scores])
            for name in ("mae", "rmse", "bias", "crps", "coverage")
        }
        return {
            "model": np.array(self.models, object),
            "predicted": column([score.predicted.value for score in self.scores]),
            "actual": np.array([score.actual for score in self.scores], np.int64),
            "total_error": column([score.total_error for score in self.scores]),
            "total_low": column([score.total_interval.low for score in self.scores]),
            "total_high": column([score.total_interval.high for score in self.scores]),
            "total_covered": np.array([score.total_covered for score in self.scores], bool),
            **numbers,
        }

    def __repr__(self) -> str:
        lines = [
            f"  {score.model}: predicted {figure(score.predicted.value)} of {score.actual:,}, "
            f"MAE {figure(score.mae.value)}, CRPS {figure(score.crps.value)}, coverage {figure(score.coverage.value)}"
            for score in self.scores
        ]
        head = f"<Backtest: {self.n:,} customers, {self.duration:g} {self.unit}s, best {self.best}"
        return "\n".join([head, *lines]) + ">"


def backtest(
    models: Sequence[Any] | Mapping[str, Any],
    calibration: RFM,
    holdout: Holdout,
    *,
    level: float = 0.95,
    rng: RandomState = 0,
) -> Backtest:
    """Fit models to a calibration and score them on its holdout; the public form is ``clm.backtest``.

    Parameters
    ----------
    models
        Models such as ``clm.BGNBD()``, or fits; a mapping's keys name them.
    calibration, holdout
        From ``clm.rfm_split``.
    level
        Nominal coverage of the prediction intervals.
    rng
        For the counts that are simulated.

    Returns
    -------
    Backtest

    Raises
    ------
    InvalidDataError
        If there is no model, something is neither model nor fit, or the holdout does not belong to the calibration.
    """
    chosen = named(models, "models", lambda model: str(getattr(model, "model", "")))
    if not chosen:
        raise InvalidDataError("models holds no model. Give [clm.BGNBD(), clm.ParetoNBD()], for one.")
    histories, inside = as_rfm(calibration), check_level(level)
    _check_holdout(histories, holdout)
    seed = int(generator(rng).integers(2**63))
    bins = np.minimum(histories.frequency, _LAST_BIN).astype(np.int64)
    customers = np.bincount(bins, minlength=_LAST_BIN + 1)
    by_name = isinstance(models, dict)
    scores: dict[str, BacktestScore] = {}
    for key, model in chosen.items():
        fit = _fitted(key, model, histories)
        name = key if by_name else _free(str(getattr(fit, "model", key)), scores)
        scores[name] = _score(name, fit, histories, holdout, bins, customers, inside, seed)
    return Backtest(
        scores=tuple(scores.values()),
        n=len(histories),
        duration=holdout.duration,
        unit=holdout.unit,
        level=inside,
        bins=(*(str(count) for count in range(_LAST_BIN)), f"{_LAST_BIN}+"),
        bin_customers=frozen_array(customers),
        bin_actual=frozen_array(_bin_means(bins, customers, holdout.frequency)),
    )


def _check_holdout(calibration: RFM, holdout: Any) -> None:
    if not isinstance(holdout, Holdout):
        raise InvalidDataError(
            f"holdout must be what clm.rfm_split returns beside the calibration, not {type(holdout).__name__}."
        )
    if len(holdout.frequency) != len(calibration) or holdout.unit != calibration.unit:
        raise InvalidDataError(
            f"the holdout has {len(holdout.frequency):,} customers in {holdout.unit}s, the calibration "
            f"{len(calibration):,} in {calibration.unit}s. Take both from one clm.rfm_split."
        )
    if not len(calibration):
        raise InvalidDataError("the calibration holds no customers. Check the filters before it.")
    if calibration.weights is not None and (calibration.weights != 1).any():
        raise InvalidDataError("rows of the calibration stand for several customers. Give one row a customer.")
    actual = holdout.frequency
    refuse(
        ~(np.isfinite(actual) & (actual >= 0) & (actual == np.floor(actual))),
        "the holdout's frequency is no whole number from 0 on",
        "It counts purchases.",
    )


def _fitted(name: str, model: Any, calibration: RFM) -> Any:
    if hasattr(model, "expected_purchases"):
        return model
    if not hasattr(model, "fit") or isinstance(model, type):
        what = (
            f"the class {model.__name__}, not a model: write {model.__name__}()"
            if isinstance(model, type)
            else (f"{type(model).__name__}, neither a model with fit(rfm) nor a fit")
        )
        raise InvalidDataError(f"{name} is {what}.")
    return model.fit(calibration)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free


def _score(
    name: str,
    fit: Any,
    calibration: RFM,
    holdout: Holdout,
    bins: IntArray,
    customers: IntArray,
    level: float,
    seed: int,
) -> BacktestScore:
    actual, ahead = holdout.frequency, holdout.duration
    expected = fit.expected_purchases(calibration, horizon=ahead)
    value: FloatArray = np.asarray(expected)
    away = value - actual
    span = f"in a holdout of {ahead:g} {holdout.unit}s, by the {name} model"
    squared = mean(away**2, name="squared error", unit="purchases", definition="Mean squared error.")
    root = float(np.sqrt(squared.value))
    return BacktestScore(
        model=name,
        predicted=expected.sum(),
        actual=int(actual.sum()),
        total_interval=_total_interval(fit, calibration, ahead, level, seed),
        mae=mean(
            np.abs(away),
            name="MAE",
            unit="purchases",
            definition=f"Mean absolute error of purchases a customer {span}.",
        ),
        rmse=Estimate(
            value=root,
            standard_error=squared.standard_error / (2 * root) if root else np.nan,
            n=len(actual),
            name="RMSE",
            unit="purchases",
            definition=f"Root of the mean squared error of purchases a customer {span}.",
            band=Normal(lowest=0.0),
        ),
        bias=mean(away, name="bias", unit="purchases", definition=f"Mean of predicted less actual purchases {span}."),
        crps=_crps(fit, calibration, actual, ahead, span, seed),
        coverage=_coverage(fit, calibration, actual, ahead, level, span, seed),
        bin_predicted=frozen_array(_bin_means(bins, customers, value)),
    )


def _total_interval(fit: Any, calibration: RFM, ahead: float, level: float, seed: int) -> Interval[float]:
    if not hasattr(fit, "prediction_interval"):
        return Interval(low=np.nan, high=np.nan, level=level, method="undefined: the model states no such interval")
    found: Interval[float] = fit.prediction_interval(calibration, horizon=ahead, level=level, rng=seed).total
    return found


def _coverage(
    fit: Any, calibration: RFM, actual: FloatArray, ahead: float, level: float, span: str, seed: int
) -> Estimate[float]:
    stated: dict[str, Any] = {
        "name": "coverage",
        "definition": f"Share of customers whose count lies in its {100 * level:g} percent prediction interval {span}.",
    }
    if not hasattr(fit, "prediction_interval"):
        return proportion(0, 0, undefined="the model states no prediction intervals", **stated)
    ends = fit.prediction_interval(calibration, horizon=ahead, level=level, rng=seed)
    inside = (ends.low <= actual) & (actual <= ends.high)
    return proportion(int(inside.sum()), inside.size, **stated)


def _crps(fit: Any, calibration: RFM, actual: FloatArray, ahead: float, span: str, seed: int) -> Estimate[float]:
    stated: dict[str, Any] = {
        "name": "CRPS",
        "unit": "purchases",
        "definition": f"Mean continuous ranked probability score of the count of purchases a customer {span}.",
    }
    processes = _processes(fit, len(calibration))
    if processes is None:
        return Estimate(value=np.nan, n=0, undefined="the model states no distribution of counts", **stated)
    chance = np.random.default_rng(seed)
    counts = np.empty((len(calibration), len(processes)), np.int32)
    for i, process in enumerate(processes):
        rows, _ = process.draw(calibration, ahead, chance)
        counts[:, i] = np.bincount(rows, minlength=len(calibration))
    return mean(_ranked_scores(counts, actual), **stated)


def _processes(fit: Any, customers: int) -> list[Any] | None:
    """Return a process for each count to draw of every customer; None where the fit has none."""
    size = min(max(_ROOM // customers, _FEWEST), _COUNTS)
    if isinstance(fit, PosteriorFit):
        return [at_values(fit.centre.process, np.exp(draw)) for draw in thinned(fit.log_draws, size)]
    process = getattr(fit, "process", None)
    return [process] * size if hasattr(process, "draw") else None


def _ranked_scores(counts: Array, actual: FloatArray) -> FloatArray:
    """Return each row's continuous ranked probability score, without bias for the number of draws.

    The mean distance of the draws from what came, less half their mean distance from each other.
    """
    draws = counts.shape[1]
    away = np.abs(counts - actual[:, None]).mean(axis=1)
    ordered = np.sort(counts, axis=1)
    apart = ordered @ (2 * np.arange(1, draws + 1) - draws - 1)
    return np.asarray(away - apart / (draws * (draws - 1)))


def _bin_means(bins: IntArray, customers: IntArray, values: FloatArray) -> FloatArray:
    total = np.bincount(bins, values, minlength=customers.size)
    return np.where(customers > 0, total / np.maximum(customers, 1), np.nan)

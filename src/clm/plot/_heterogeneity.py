"""How much customers differ: in how often they buy, and in how soon they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.errors import InvalidDataError
from clm.plot._fits import around_centre
from clm.plot._style import BLUE, ORANGE, new_axes, percent, tidy
from clm.stats import LogitNormal, central_differences, delta_estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from clm.ltv import PurchaseFit
    from clm.typing import FloatArray

STEPS = 120
SPAN = 0.99


def purchase_rates(fit: Any, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw how many customers buy at most how often, while they are there.

    Parameters
    ----------
    fit
        A fitted purchase model.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the band at each rate.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If the fit is none.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    The distribution function, since the density of a Gamma distribution has no bound at 0 where r is below 1, as it is
    for most customer bases.

    Examples
    --------
    >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
    >>> clm.plot.purchase_rates(fit).get_xlabel()
    'Purchases per week while a customer'
    """
    known = around_centre(fit)
    if known.discrete:
        label = f"Chance to buy in a {known.unit} while a customer"
        return _drawn(known, _Beta("alpha", "beta"), label, ax, level)
    spread = _Gamma("r", "alpha", scaled=float(known.k or 1))
    return _drawn(known, spread, f"Purchases per {known.unit} while a customer", ax, level)


def dropout_rates(fit: Any, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw how many customers are at most how likely to leave.

    Parameters
    ----------
    fit
        A fitted purchase model with dropout.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the band at each rate.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If the fit is none, or its model knows no dropout.
    MissingExtraError
        If matplotlib is not installed.

    Notes
    -----
    By BG/NBD and its like the chance to leave is after a purchase, by BG/BB within a period, and by Pareto/NBD it is a
    rate over time; by GGompertz/NBD the rate at the beginning, which then grows.

    Examples
    --------
    >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
    >>> clm.plot.dropout_rates(fit).get_xlabel()
    'Chance to leave after a purchase'
    """
    known = around_centre(fit)
    names = set(known.params)
    if {"s", "beta"} <= names:
        at_first = " at first" if "b" in names else ""
        spread = _Gamma("s", "beta", over="b" if "b" in names else None)
        return _drawn(known, spread, f"Rate of leaving per {known.unit}{at_first}", ax, level)
    if {"a", "b"} <= names:
        return _drawn(known, _Beta("a", "b"), "Chance to leave after a purchase", ax, level)
    if {"gamma", "delta"} <= names:
        return _drawn(known, _Beta("gamma", "delta"), f"Chance to leave within a {known.unit}", ax, level)
    raise InvalidDataError(f"by the {known.model} model nobody leaves, so there is no dropout to show.")


@final
@frozen
class _Gamma:
    """A Gamma distribution of rates, by the names of its parameters."""

    shape: str
    rate: str
    over: str | None = None
    scaled: float = 1.0

    def below(self, at: FloatArray, params: dict[str, float]) -> FloatArray:
        """Return the share below."""
        return np.asarray(special.gammainc(params[self.shape], self._rate(params) * at))

    def quantile(self, share: float, params: dict[str, float]) -> float:
        """Return what a share lies below."""
        return float(special.gammaincinv(params[self.shape], share) / self._rate(params))

    def mean(self, params: dict[str, float]) -> float:
        """Return the mean."""
        return params[self.shape] / self._rate(params)

    def _rate(self, params: dict[str, float]) -> float:
        rate = params[self.rate] * self.scaled
        return rate if self.over is None else rate / params[self.over]


@final
@frozen
class _Beta:
    """A Beta distribution of chances, by the names of its parameters."""

    a: str
    b: str

    def below(self, at: FloatArray, params: dict[str, float]) -> FloatArray:
        """Return the share below."""
        return np.asarray(special.betainc(params[self.a], params[self.b], at))

    def quantile(self, share: float, params: dict[str, float]) -> float:
        """Return what a share lies below."""
        return float(special.betaincinv(params[self.a], params[self.b], share))

    def mean(self, params: dict[str, float]) -> float:
        """Return the mean."""
        return params[self.a] / (params[self.a] + params[self.b])


def _drawn(fit: PurchaseFit, spread: _Gamma | _Beta, across: str, ax: Axes | None, level: float) -> Axes:
    names = fit.parameters.names
    top = min(spread.quantile(SPAN, fit.params), 1.0 if isinstance(spread, _Beta) else np.inf)
    at = np.linspace(0, top, STEPS + 1)[1:]

    def share(log_values: FloatArray) -> FloatArray:
        return spread.below(at, dict(zip(names, np.exp(log_values), strict=True)))

    log_values = np.log(fit.parameters.values)
    below = _within(share, log_values, fit)
    low, high = below.confidence_interval(level)
    ax = tidy(new_axes(ax))
    if not np.isnan(low).any():
        ax.fill_between(at, low, high, color=BLUE, alpha=0.2, linewidth=0, label=f"{100 * level:g}% band")
    ax.plot(at, below.value, color=BLUE, linewidth=1.8, label=f"by {fit.model}")
    mean, median = spread.mean(fit.params), spread.quantile(0.5, fit.params)
    ax.axvline(median, color="black", linestyle="--", linewidth=1.2, label=f"median {median:.3g}")
    if mean <= top:
        ax.axvline(mean, color=ORANGE, linewidth=1.2, label=f"mean {mean:.3g}")
    ax.set_xlim(0, top)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel(across)
    ax.set_ylabel("Share of customers at or below")
    percent(ax, "y")
    ax.legend(frameon=False, fontsize="small", loc="lower right")
    return ax


def _within(share: Callable[[FloatArray], FloatArray], log_values: FloatArray, fit: PurchaseFit) -> Any:
    return delta_estimate(
        np.clip(share(log_values), 0.0, 1.0),
        central_differences(share, log_values),
        fit.parameters,
        band=LogitNormal(),
        name="share of customers",
        unit="fraction",
        definition="Share of customers below.",
    )

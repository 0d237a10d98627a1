"""The estimated parameters of a model, with everything that is stated about them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.stats._arguments import plain_number
from clm.stats._arrays import array_field, frozen_array, seal
from clm.stats._bands import z_score
from clm.stats._interval import Interval, check_level

if TYPE_CHECKING:
    from clm.stats._likelihood import Diagnostics, Maximum
    from clm.typing import FloatArray


@final
@frozen(kw_only=True)
class Parameters:
    """Positive parameters, their covariance on the log scale, and the likelihood they reach.

    Every fit holds one. The log scale is where a likelihood is nearest to a parabola and where no interval can fall
    below 0; what readers see is on the natural scale.

    Attributes
    ----------
    names : tuple of str
    values : (k,) ndarray of float64
        On the natural scale.
    log_covariance : (k, k) ndarray of float64
        Covariance of the logarithms; NaN where `undefined` says why.
    loglik : float
        Log-likelihood at the values, natural logarithm, in the unit of the data; NaN for given parameters.
    n : int
        Customers behind it.
    undefined : str or None
        Why the covariance is NaN.
    diagnostics : Diagnostics or None
        How the maximum was found; None for given parameters.
    """

    names: tuple[str, ...]
    values: FloatArray = array_field(converter=lambda values: frozen_array(values, float))
    log_covariance: FloatArray = array_field(converter=lambda values: frozen_array(values, float))
    loglik: float = array_field()
    n: int
    undefined: str | None = None
    diagnostics: Diagnostics | None = None

    __setstate__ = seal

    @classmethod
    def estimated(
        cls, maximum: Maximum, names: tuple[str, ...], *, n: int, scale: FloatArray, offset: float
    ) -> Parameters:
        """Take over a maximum that was found in scaled units.

        Parameters
        ----------
        maximum
            In logarithms of ``values / scale``.
        names
            Of the parameters.
        n
            Customers behind it.
        scale
            What each parameter is multiplied by, shape (k,).
        offset
            What the log-likelihood gains by the change of unit.
        """
        return cls(
            names=names,
            values=np.exp(maximum.log_values) * scale,
            log_covariance=maximum.covariance,
            loglik=maximum.value + offset,
            n=n,
            undefined=maximum.undefined,
            diagnostics=maximum.diagnostics,
        )

    @classmethod
    def given(cls, params: Mapping[str, float], names: tuple[str, ...]) -> Parameters:
        """Take parameters from elsewhere, a published table say: they come without errors.

        Raises
        ------
        InvalidDataError
            If a name is missing or unknown, or a value is not a positive finite number.
        """
        if not isinstance(params, Mapping):
            raise InvalidDataError(
                f"params must be a mapping by name, not {type(params).__name__}: {', '.join(names)}."
            )
        for name in params:
            if name not in names:
                message = f"{name!r} is no parameter of this model, which has {', '.join(names)}."
                raise InvalidDataError(message + nearest(str(name), names))
        missing = [name for name in names if name not in params]
        if missing:
            raise InvalidDataError(f"params lacks {', '.join(missing)}. Give all of {', '.join(names)}.")
        values = [plain_number(params[name], f"parameter {name}") for name in names]
        for name, value in zip(names, values, strict=True):
            if value <= 0:
                raise InvalidDataError(f"parameter {name} must be positive, not {value:g}.")
        return cls(
            names=names,
            values=np.array(values),
            log_covariance=np.full((len(names), len(names)), np.nan),
            loglik=np.nan,
            n=0,
            undefined="the parameters were given, not estimated, so their errors are not known",
        )

    @property
    def by_name(self) -> dict[str, float]:
        """The values, by name."""
        return self._named(self.values)

    @property
    def log_values(self) -> FloatArray:
        """Logarithms of the values, shape (k,)."""
        return np.log(self.values)

    @property
    def covariance(self) -> FloatArray:
        """Covariance on the natural scale by the delta method, shape (k, k), in the order of `names`."""
        return frozen_array(self.log_covariance * np.outer(self.values, self.values))

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard errors on the natural scale by the delta method, by name."""
        return self._named(self.values * np.sqrt(np.diag(self.log_covariance)))

    def confidence_interval(self, level: float = 0.95) -> dict[str, Interval[float]]:
        """Return an interval a parameter, by name.

        They are symmetric on the log scale, so that they stay positive.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).

        Raises
        ------
        InvalidDataError
            If `level` is not inside (0, 1).
        """
        half = z_score(check_level(level)) * np.sqrt(np.diag(self.log_covariance))
        method = "normal on the log scale" if self.undefined is None else f"undefined: {self.undefined}"
        with np.errstate(over="ignore"):
            low, high = self.values * np.exp(-half), self.values * np.exp(half)
        return {
            name: Interval(low=float(low[i]), high=float(high[i]), level=level, method=method)
            for i, name in enumerate(self.names)
        }

    @property
    def aic(self) -> float:
        """Akaike's criterion: twice the number of parameters less twice the log-likelihood; lower is better."""
        return 2 * len(self.names) - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion, with customers as observations; lower is better."""
        return len(self.names) * math.log(self.n) - 2 * self.loglik if self.n else math.nan

    def _named(self, numbers: FloatArray) -> dict[str, float]:
        return {name: float(number) for name, number in zip(self.names, numbers, strict=True)}

"""Backtests from several moments on: whether a model predicts well, or did so once."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.stats import figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.ltv._backtest import Backtest
    from clm.typing import Array


@final
@frozen(kw_only=True, repr=False)
class RollingBacktest:
    """Backtests with several ends of the calibration; build it with ``clm.backtest(models, orders=, origins=)``.

    Attributes
    ----------
    origins : tuple of str
        Where each calibration ended.
    tests : tuple of Backtest
        One an origin.
    """

    origins: tuple[str, ...]
    tests: tuple[Backtest, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return self.tests[0].models

    def __len__(self) -> int:
        return len(self.tests)

    def __iter__(self) -> Iterator[Backtest]:
        return iter(self.tests)

    def __getitem__(self, which: int) -> Backtest:
        return self.tests[which]

    @property
    def mean_crps(self) -> dict[str, float]:
        """Mean CRPS over the origins by model; lower is better."""
        return {
            model: float(np.mean([test.scores[i].crps.value for test in self.tests]))
            for i, model in enumerate(self.models)
        }

    @property
    def best(self) -> str:
        """The model with the least mean CRPS, else the least mean absolute error."""
        score = self.mean_crps
        if np.isnan(list(score.values())).any():
            score = {
                model: float(np.mean([test.scores[i].mae.value for test in self.tests]))
                for i, model in enumerate(self.models)
            }
        return min(score, key=score.__getitem__)

    @property
    def total_coverage(self) -> dict[str, float]:
        """Share of the origins at which the number of purchases lay in its prediction interval, by model."""
        return {
            model: float(np.mean([test.scores[i].total_covered for test in self.tests]))
            for i, model in enumerate(self.models)
        }

    def to_columns(self) -> dict[str, Array]:
        """Return one row an origin and model, for ``clm.to_frame``."""
        parts = [
            {"origin": np.full(len(test), origin, object)} | test.to_columns()
            for origin, test in zip(self.origins, self.tests, strict=True)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def __repr__(self) -> str:
        lines = [
            f"  {model}: mean CRPS {figure(crps)}, total inside its interval at {100 * self.total_coverage[model]:.0f}%"
            for model, crps in self.mean_crps.items()
        ]
        head = f"<RollingBacktest: {len(self)} origins from {self.origins[0]} to {self.origins[-1]}, best {self.best}"
        return "\n".join([head, *lines]) + ">"

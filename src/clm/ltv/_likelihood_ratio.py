"""Test a model against a simpler one within it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from attrs import frozen
from scipy import special

if TYPE_CHECKING:
    from clm.stats import Parameters


@final
@frozen(kw_only=True)
class LikelihoodRatioTest:
    """How much better a model fits than a simpler one within it, and how likely that much is by chance.

    Attributes
    ----------
    statistic : float
        Twice the difference of the log-likelihoods.
    df : int
        Parameters that the simpler model lacks.
    p_value : float
        Chance of such a statistic if the simpler model is true, by the chi-squared distribution.
    definition : str
        One sentence that says what was tested.
    """

    statistic: float
    df: int
    p_value: float
    definition: str


def likelihood_ratio(wider: Parameters, narrower: Parameters, *, full: str, restricted: str) -> LikelihoodRatioTest:
    """Compare two fits to the same data, one model within the other.

    Parameters
    ----------
    wider, narrower
        What was estimated.
    full, restricted
        Names of the models.

    Notes
    -----
    Wilks (1938): chi-squared where the simpler model's values lie inside the range of the parameters.
    """
    df = len(wider.names) - len(narrower.names)
    statistic = max(2 * (wider.loglik - narrower.loglik), 0.0)  # equal fits may differ by rounding
    return LikelihoodRatioTest(
        statistic=statistic,
        df=df,
        p_value=float(special.chdtrc(df, statistic)),
        definition=f"Likelihood-ratio test of the {full} model against the {restricted} model within it.",
    )

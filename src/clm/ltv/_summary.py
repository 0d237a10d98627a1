"""A fit in a few lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm.stats import figure

if TYPE_CHECKING:
    from clm.stats import Parameters


def summary_of(model: str, parameters: Parameters, scope: str, caveats: tuple[str, ...]) -> str:
    """Return parameters with their errors, the likelihood, how the maximum was found, and the caveats.

    Parameters
    ----------
    model
        Its name.
    parameters
        What was estimated.
    scope
        What was counted, as in ``"2,357 customers, unit week"``.
    caveats
        One line each.

    Returns
    -------
    str
    """
    limits, errors = parameters.confidence_interval(0.95), parameters.standard_errors
    lines = [f"{model}: {scope}", f"{'':<10}{'estimate':>12}{'std. error':>12}{'95% low':>12}{'95% high':>12}"]
    for name, value in parameters.by_name.items():
        cells = (value, errors[name], limits[name].low, limits[name].high)
        lines.append(f"{name:<10}" + "".join(f"{'' if cell != cell else figure(cell):>12}" for cell in cells))  # noqa: PLR0124  # NaN
    if parameters.diagnostics is None:
        lines.append(f"no likelihood: {parameters.undefined}")
    else:
        found = parameters.diagnostics
        lines.append(f"log-likelihood {parameters.loglik:,.3f}, AIC {parameters.aic:,.3f}, BIC {parameters.bic:,.3f}")
        lines.append(
            f"{found.starts_agreeing} of {found.starts} starts reached it, in {found.evaluations} evaluations; "
            f"condition number {figure(found.condition_number)}"
        )
        if parameters.undefined is not None:
            lines.append(f"no errors: {parameters.undefined}")
    return "\n".join([*lines, *(f"note: {caveat}" for caveat in caveats)])

"""Where a fit comes from: its data, and the model that was fitted to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.ltv._posterior import PosteriorProblem


@final
@frozen
class Origin:
    """What a fit was made of. Fits that are compared or fitted again need it; it is not written to JSON.

    Attributes
    ----------
    problem : callable or None
        A module's function that takes cells and says what the model's likelihood is; None where the model cannot be
        fitted to samples.
    cells : RFM
        Distinct histories with weights.
    """

    problem: Callable[[RFM], PosteriorProblem] | None
    cells: RFM

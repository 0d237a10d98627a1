"""The MBG/CNBD-k model: customers buy regularly until, after some purchase, the first one included, they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from attrs import field, frozen

from clm.ltv._bg_cnbd_fit import fitted, given, stages
from clm.ltv._options import max_iterations, tolerance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM
    from clm.ltv._purchase_fit import PurchaseFit

_NAME: Final = "MBG/CNBD"
_EDGES: Final = {
    "r": ("some buy all the time and nearly all never", "all customers buy at the same rate"),
    "alpha": ("buying rates have no bound", "all customers buy at the same rate"),
    "a": ("nobody is seen to leave", "all customers are as likely to leave, or all leave at once"),
    "b": ("all leave after their first purchase", "all customers are as likely to leave, or nobody leaves"),
}


@final
@frozen
class MBGCNBD:
    """Model of regular repeat purchases by customers who leave unseen after any purchase, the first included.

    As `BGCNBD`, except that a customer may also leave right after his first purchase [1]_, as in the MBG/NBD model,
    which it is at k = 1. So a customer without a repeat purchase is not taken to be there for ever.

    Parameters
    ----------
    k : int or None
        Shape of the times between purchases. By default the most likely from 1 to 12, which needs the histories'
        `sum_log_gaps`.
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    Notes
    -----
    r and alpha describe the rate of stages, of which k make a purchase: the mean buying rate is r/(k alpha). Standard
    errors and AIC take k as known. Purchases rounded to whole days look more regular than they are where several fall
    on most days, and merging those of one day removes short gaps: read k together with how often customers buy.

    References
    ----------
    .. [1] Platzer and Reutterer (2016), "Ticking away the moments: timing regularity helps to better predict customer
       activity", Marketing Science 35(5), 779-799.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")
    >>> clm.MBGCNBD().fit(rfm).k
    1
    >>> clm.MBGCNBD(k=2).fit(rfm)
    <PurchaseFit: MBG/CNBD-2, r 0.5799, alpha 2.288, a 1.134, b 1.585; unit week; 2,357 customers>
    """

    k: int | None = field(default=None, kw_only=True, converter=stages)
    tol: float = field(default=1e-6, kw_only=True, converter=tolerance)
    max_iterations: int = field(default=100, kw_only=True, converter=max_iterations)

    def fit(self, rfm: RFM) -> PurchaseFit:
        """Estimate the parameters, and k where it was not given, by maximum likelihood.

        Parameters
        ----------
        rfm
            Purchase histories; weights count. Money is not used.

        Returns
        -------
        PurchaseFit
            With `k`. Where a given k is above 1 and the histories do not hold `sum_log_gaps`, its log-likelihood lacks
            that term, and a caveat says so.

        Raises
        ------
        InvalidDataError
            If there are no histories, nobody bought again, there are fewer kinds of histories than parameters, k is to
            be searched without `sum_log_gaps`, or purchases fall on one instant.
        ConvergenceError
            If the likelihood was still rising after `max_iterations`.

        Warns
        -----
        IdentifiabilityWarning
            If the likelihood has no maximum inside, so that intervals are undefined: there are too few customers, or
            they do not differ, or nobody leaves.
        """
        return fitted(
            rfm,
            model=_NAME,
            k=self.k,
            first=1,
            edges=_EDGES,
            caveats=(),
            tol=self.tol,
            max_iterations=self.max_iterations,
            stacklevel=2,
        )

    def with_params(self, params: Mapping[str, float], *, unit: str) -> PurchaseFit:
        """Take parameters from elsewhere, a published table say.

        Parameters
        ----------
        params
            Values of ``r, alpha, a, b``, positive, alpha in `unit`; and ``k`` where the model was made without it.
        unit
            The unit of time that the parameters count in.

        Returns
        -------
        PurchaseFit
            Its intervals are undefined, since the errors of the parameters are not known.

        Raises
        ------
        InvalidDataError
            If a name is missing or unknown, a value is not positive, k is given nowhere or differs, or the unit is
            unknown.

        Examples
        --------
        >>> fit = clm.MBGCNBD().with_params({"k": 3, "r": 0.9, "alpha": 3.0, "a": 0.5, "b": 3.0}, unit="week")
        >>> late = clm.RFM.from_arrays([9, 9], [36, 36], [38, 46], unit="week")
        >>> fit.probability_alive(late).value.round(2)
        array([0.95, 0.49])
        """
        return given(params, unit=unit, model=_NAME, k=self.k, first=1, caveats=())

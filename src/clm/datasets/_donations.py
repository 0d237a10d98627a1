"""Histories of donors, counted year by year, that the discrete-time purchase model was published with."""

from __future__ import annotations

import csv
from importlib.resources import files

from clm.data import RFM


def donations() -> RFM:
    """Load the giving of 11,104 people in the six years after their first gift.

    Time is counted in years with and without a gift, not dated: ``recency`` is the last year with a gift (0 for none),
    ``T`` is 6 for everybody. Repeated histories are counted, not repeated [1]_.

    Returns
    -------
    RFM
        22 rows with ``weights``, unit ``"year"``.

    References
    ----------
    .. [1] Fader, Hardie and Shang (2010), Marketing Science 29(6), 1086-1108. Public data that Fader and Hardie
       distribute for research and teaching.

    Examples
    --------
    >>> clm.datasets.donations()
    <RFM: 11,104 customers, 7,640 repeat buyers, unit year>
    """
    text = files("clm.datasets").joinpath("donations.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    frequency, recency, periods, weights = (
        [float(row[column]) for row in rows] for column in ("frequency", "recency", "periods", "weights")
    )
    return RFM.from_arrays(frequency, recency, periods, weights=weights, unit="year")

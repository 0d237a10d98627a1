"""Hypothesis strategies that several test modules share, grouped by the container they make."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clm

# Numbers ---------------------------------------------------------------------------------------------------------

levels = st.floats(0.01, 0.999)
"""Confidence levels, away from the ends where limits are no longer told apart in float64."""

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
"""Values of an everyday size."""


# Estimates -------------------------------------------------------------------------------------------------------


@st.composite
def cells(draw, *, gaps=True, max_size=12):
    """A row of estimated cells with independent errors; with `gaps`, some of them undefined."""
    size = draw(st.integers(1, max_size))
    value = draw(hnp.arrays(float, size, elements=finite))
    if gaps:
        value[draw(hnp.arrays(bool, size))] = float("nan")
    return clm.Estimate(
        value=value,
        standard_error=draw(hnp.arrays(float, size, elements=st.floats(0, 1e3))),
        n=draw(hnp.arrays("int64", size, elements=st.integers(1, 1000))),
        name="thing",
        unit="things",
        definition="A thing per cell.",
        undefined="it was not seen",
    )

"""Hypothesis strategies that several test modules share, grouped by the container they make."""

from __future__ import annotations

import numpy as np
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


# Durations -------------------------------------------------------------------------------------------------------


@st.composite
def durations(draw, *, min_size=1, max_size=30, entry=None, weights=None):
    """Ages at loss or at the end of observation, in whole days or not, with late entry and weights where it pleases."""
    size = draw(st.integers(min_size, max_size))
    whole = draw(st.booleans())
    ages = st.integers(0, 20).map(float) if whole else st.floats(0, 20, allow_subnormal=False)
    ends = draw(hnp.arrays(float, size, elements=ages))
    late = draw(st.booleans()) if entry is None else entry
    begins = np.minimum(draw(hnp.arrays(float, size, elements=ages)), ends) if late else None
    weighted = draw(st.booleans()) if weights is None else weights
    return clm.Durations(
        ends,
        draw(hnp.arrays(bool, size)),
        entry=begins,
        weights=draw(hnp.arrays(float, size, elements=st.integers(1, 5).map(float))) if weighted else None,
    )

"""Types that users meet; checked by mypy, never run."""

from __future__ import annotations

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import clm

share = clm.stats.mean([1.0, 2.0], name="basket", unit="items", definition="Mean items.")
assert_type(share, clm.Estimate[float])
assert_type(share.value, float)
assert_type(share.confidence_interval(0.9), clm.Interval[float])
low, high = share.confidence_interval()
assert_type(low, float)

cells: clm.Estimate[NDArray[np.float64]] = clm.Estimate(
    value=np.array([1.0]), standard_error=np.array([0.1]), n=3, name="a", unit="b", definition="c."
)
assert_type(cells.value, NDArray[np.float64])
assert_type(clm.Discount(0.1, per="year").rate_per("week"), float)

answers = {"plan": ["a", "b"], "score": [9, 3]}
assert_type(clm.by(answers, "plan", clm.nps), clm.Grouped[clm.NPS])
assert_type(clm.by(answers, clm.Period("month"), clm.csat, scale=clm.Scale(0, 10, top=9))["a"], clm.CSAT)
assert_type(clm.by(answers, "plan", clm.nps, min_n=5, missing="raise"), clm.Grouped[clm.NPS | clm.Estimate[float]])
clm.by(answers, "plan", clm.nps, scroe="score")  # type: ignore[call-overload]  # a misspelt option of the method
assert_type(clm.compare(clm.nps([9]), 40), clm.Difference)
assert_type(clm.compare([share, share]), clm.Comparisons)

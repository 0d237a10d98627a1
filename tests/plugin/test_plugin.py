"""The toy plug-in as users meet it: installed, found, measured."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

import clm

try:
    version("clm-toy-plugin")
except PackageNotFoundError:
    pytest.skip("clm-toy-plugin is not installed: pip install ./tests/plugin", allow_module_level=True)

# 2025-01-04 was a Saturday, 2025-01-05 a Sunday, 2025-01-06 a Monday.
ORDERS = {"customer_id": [1, 2, 2, 3], "at": ["2025-01-04", "2025-01-05", "2025-01-06", "2025-01-06"]}


def test_it_is_found_by_its_entry_point():
    assert "weekend_order_share" in clm.metrics.names()


def test_it_is_on_the_scorecard():
    row = clm.scorecard(clm.CustomerBase(orders=ORDERS))["weekend_order_share"]
    assert (row.stage, row.value, row.estimate.n) == ("conversion", 0.5, 4)


def test_it_keeps_to_the_period():
    base = clm.CustomerBase(orders=ORDERS).between("2025-01-05")
    assert clm.metrics.measure("weekend_order_share", base).value == pytest.approx(1 / 3)


def test_without_orders_it_says_so():
    assert np.isnan(clm.metrics.measure("weekend_order_share", clm.CustomerBase()).value)


def test_it_conforms():
    clm.testing.check_metric(clm.metrics.get("weekend_order_share"))

from __future__ import annotations

import pytest
from tests.metrics.example import ANSWERS, CHANNELS, ORDERS, TOUCHPOINTS

import clm


@pytest.fixture(scope="session")
def simulated():
    """A simulated base with all five tables; what is derived from it is shared."""
    return clm.datasets.simulate_base(2000, rng=20)


@pytest.fixture(scope="session")
def cdnow():
    return clm.CustomerBase(orders=clm.datasets.cdnow(), through="1998-06-30")


@pytest.fixture
def by_hand():
    """Six customers whose metrics can be counted on fingers."""
    return clm.CustomerBase(
        orders=ORDERS, touchpoints=TOUCHPOINTS, answers=ANSWERS, channels=CHANNELS, through="2025-06-30"
    )

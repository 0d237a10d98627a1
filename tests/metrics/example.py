"""Six customers whose metrics can be counted on fingers."""

from __future__ import annotations

import numpy as np


def columns(*names, rows):
    return dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))


ORDERS = columns(
    "customer_id",
    "at",
    "amount",
    rows=[
        ("a", "2025-01-01", 10.0),
        ("a", "2025-02-01", 20.0),
        ("a", "2025-06-01", 30.0),
        ("b", "2025-01-10", 50.0),
        ("c", "2025-03-01", 40.0),
        ("c", "2025-03-05", -10.0),  # a refund on a day of its own
        ("d", "2025-06-20", 5.0),
    ],
)
TOUCHPOINTS = columns(
    "customer_id",
    "at",
    "kind",
    rows=[
        ("a", "2024-12-20", "visit"),
        ("a", "2024-12-25", "signed_up"),
        ("a", "2025-03-03", "referral"),
        ("b", "2025-01-01", "visit"),
        ("c", "2025-02-20", "visit"),
        ("c", "2025-02-25", "signed_up"),
        ("d", "2025-06-01", "visit"),
        ("e", "2025-01-05", "visit"),
        ("f", "2025-06-25", "visit"),
    ],
)
ANSWERS = columns(
    "customer_id",
    "at",
    "kind",
    "score",
    rows=[
        ("a", "2025-01-15", "nps", 10),
        ("b", "2025-01-25", "nps", 3),
        ("c", "2025-03-15", "nps", 9),
        ("a", "2025-02-03", "csat", 5),
        ("a", "2025-06-03", "csat", 2),
        ("c", "2025-03-03", "ces", 6),
        ("d", "2025-06-22", "ces", 3),
    ],
)
CHANNELS = columns(
    "channel",
    "at",
    "impressions",
    "visits",
    "clicks",
    "followers",
    "cost",
    rows=[
        ("search", "2025-01-01", 1000, 50, 40, 0, 30.0),
        ("search", "2025-04-01", 800, 40, 30, 0, 20.0),
        ("social", "2025-01-01", 500, 20, 10, 7, 10.0),
        ("social", "2025-04-01", 0, 10, 0, 9, 0.0),
    ],
)

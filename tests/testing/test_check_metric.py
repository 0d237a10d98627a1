from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
from attrs import define, evolve

import clm
from clm.metrics._built_in import BUILT_IN
from clm.testing import ConformanceError, check_metric

LOCK = threading.Lock()


def share(hits, trials, **options):
    return clm.stats.proportion(hits, trials, name="x", definition=options.pop("definition", "A share."), **options)


@define
class Good:
    """Every clause holds; each bad metric below breaks one of them."""

    name: str = "answering_share"
    stage: str = "loyalty"
    needs: tuple = ("orders", "answers")
    unit: str = "fraction"
    direction: str = "higher"

    def measure(self, base):
        buyers = np.unique(base.columns("orders")["customer_id"])
        answers = base.columns("answers")["customer_id"]
        return share(np.isin(buyers, answers).sum(), len(buyers), undefined="nobody ordered")


class Bare(Good):
    def measure(self, base):
        return 0.5


class Many(Good):
    def measure(self, base):
        return share([1, 2], [4, 4])


class Undefined(Good):
    def measure(self, base):
        return share(0, 0)


class NoInterval(Good):
    def measure(self, base):
        return clm.Estimate(value=0.5, n=3, name="x", unit="fraction", definition="A half.")


class NoSentence(Good):
    def measure(self, base):
        return share(1, 2, definition="a share")


class Random(Good):
    def measure(self, base):
        return share(np.random.default_rng().integers(1, 10**6), 10**6)


class GlobalRandom(Good):
    def measure(self, base):
        np.random.random()  # noqa: NPY002  # the fault under test
        return share(1, 2)


class Errors(Good):
    def measure(self, base):
        np.seterr(divide="ignore")
        return share(1, 2)


class Filters(Good):
    def measure(self, base):
        warnings.simplefilter("ignore", FutureWarning)
        return share(1, 2)


class Writes(Good):
    def measure(self, base):
        base.orders["amount"] = np.zeros(1)
        return share(1, 2)


class Unpicklable(Good):
    def measure(self, base):
        return evolve(share(1, 2), caveats=(LOCK,))


class FailsWithoutRows(Good):
    def measure(self, base):
        buyers = base.columns("orders")["customer_id"]
        return share(1 // len(buyers), 1)


class FailsForOneCustomer(Good):
    def measure(self, base):
        spread = np.std(base.columns("orders")["amount"], ddof=1)
        return clm.Estimate(value=spread, standard_error=spread, n=3, name="x", unit="fraction", definition="Spread.")


class TestInputs:
    def test_what_conforms_passes(self):
        assert check_metric(Good()) is None

    @pytest.mark.parametrize(
        ("metric", "message"),
        [
            (Good(direction="sideways"), "protocol: metric 'answering_share': direction must be"),
            (Good(name="nps"), "clause 'protocol': the name 'nps' is taken"),
            (Bare(), "clause 'defined': .* measure returned float, but an Estimate is expected"),
            (Many(), "clause 'defined': .* a metric is a single number"),
            (Undefined(), r"clause 'defined': .* it is undefined, because there are no cases .* base=\.\.\."),
            (NoInterval(), "clause 'defined': .* a value and no interval"),
            (NoSentence(), "clause 'defined': .* definition is no sentence: 'a share'"),
            (Good(unit="percent"), "clause 'defined': .* unit is 'fraction', but the metric says 'percent'"),
            (Random(), "clause 'deterministic': the same base gave"),
            (GlobalRandom(), "clause 'pure': it changed NumPy's random state"),
            (Errors(), "clause 'pure': it changed NumPy's error settings"),
            (Filters(), "clause 'pure': it changed the warning filters"),
            (Writes(), "clause 'pure': it changed the table orders"),
            (Unpicklable(), "clause 'picklable': TypeError: cannot pickle"),
            (Good(needs=("orders",)), "clause 'missing tables': on a base without answers it raised"),
            (FailsWithoutRows(), "clause 'little data': .* it raised ZeroDivisionError"),
            (
                FailsForOneCustomer(needs=("orders",)),
                "clause 'little data': on a base on which nothing has happened yet it raised: x is NaN",
            ),
        ],
    )
    @pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
    def test_each_clause_catches_what_breaks_it(self, metric, message):
        errors, filters = np.geterr(), list(warnings.filters)
        try:
            with pytest.raises(ConformanceError, match=message):
                check_metric(metric)
        finally:
            np.seterr(**errors)
            warnings.filters[:] = filters

    def test_a_failure_is_an_assertion(self):
        with pytest.raises(AssertionError):
            check_metric(Good(direction="sideways"))

    def test_a_base_of_one_s_own(self):
        @define
        class Rare(Good):
            needs: tuple = ("touchpoints",)

            def measure(self, base):
                kinds = base.columns("touchpoints")["kind"]
                return share((kinds == "webinar").sum(), len(kinds) if "webinar" in kinds else 0)

        log = {"customer_id": [1, 1], "at": ["2025-01-01", "2025-01-02"], "kind": ["visit", "webinar"]}
        check_metric(Rare(), base=clm.CustomerBase(touchpoints=log))
        with pytest.raises(ConformanceError, match=r"simulated base .* it is undefined"):
            check_metric(Rare())
        with pytest.raises(ConformanceError, match="on the base given it is undefined"):
            check_metric(Rare(), base=clm.CustomerBase(orders=clm.datasets.cdnow()))


class TestConsistency:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_every_built_in_metric_conforms(self, name):
        check_metric(BUILT_IN[name])

"""The number that every function returns: what it refuses, how it adds up, what it says of itself."""

from __future__ import annotations

import copy
import datetime as dt
import json
import math
import pickle
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import cells, levels

import clm
from clm.errors import InvalidDataError
from clm.stats import Estimate, Exact, HasEstimate, Linearised, LogitNormal, LogNormal, NoBand, Normal, StudentT, Wilson


def estimate(value=1.0, **changes):
    options = {"standard_error": 0.1, "n": 3, "name": "thing", "unit": "things", "definition": "Things counted."}
    return Estimate(value=value, **options | changes)


def copies():
    protocols = range(2, pickle.HIGHEST_PROTOCOL + 1)
    pickles = [lambda result, p=p: pickle.loads(pickle.dumps(result, p)) for p in protocols]
    return [copy.copy, copy.deepcopy, *pickles]


class TestInputs:
    @pytest.mark.parametrize("value", [math.inf, -math.inf, [1.0, math.inf], 10**400, np.array([10**400], object)])
    def test_infinite_values_are_refused(self, value):
        with pytest.raises(InvalidDataError, match=r"infinite|too large"):
            estimate(value)

    @pytest.mark.parametrize(
        ("value", "holds"),
        [
            ("0.25", "text"),
            (["a", "b"], "text"),
            (np.array(["1.5"], object), "no number"),
            (True, "booleans"),
            (np.array([True, None], object), "no number"),
            (np.datetime64("2020-01-01"), "dates"),
            (np.timedelta64(3, "D"), "durations"),
            (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "not numeric"),
            (1j, "complex"),
            ([[1.0], [2.0, 3.0]], "not numeric"),
        ],
    )
    @pytest.mark.parametrize("argument", ["value", "standard_error", "n"])
    def test_what_is_no_number_is_refused(self, argument, value, holds):
        with pytest.raises(InvalidDataError, match=holds):
            estimate(**{argument: value})

    @pytest.mark.parametrize("undefined", [None, "", [None, None], ["", ""], [None, math.nan], [3, 4]])
    def test_nan_needs_a_reason(self, undefined):
        with pytest.raises(InvalidDataError, match=r"thing is NaN without a reason in 1 of 2 cells"):
            estimate([1.0, math.nan], undefined=undefined)

    @pytest.mark.parametrize("undefined", [None, "", ["why"]])
    def test_a_single_nan_needs_a_reason(self, undefined):
        with pytest.raises(InvalidDataError, match=r"thing is NaN without a reason\. Give undefined="):
            estimate(math.nan, undefined=undefined)

    @pytest.mark.parametrize("value", [None, [None, 1.0], np.ma.masked_array([7.0, 1.0], mask=[True, False])])
    def test_missing_is_nan_and_needs_a_reason_too(self, value):
        with pytest.raises(InvalidDataError, match="NaN without a reason"):
            estimate(value)
        assert np.isnan(np.ravel(estimate(value, undefined="unseen").value)[0])

    def test_reasons_of_defined_cells_are_dropped(self):
        known = estimate([1.0, math.nan], undefined=["not needed", "nobody came"])
        assert known.undefined.tolist() == [None, "nobody came"]
        assert estimate(1.0, undefined="not needed").undefined is None
        assert estimate([1.0, 2.0], undefined=["not", "needed"]).undefined is None

    @pytest.mark.parametrize(
        ("argument", "given", "shape"),
        [
            ("standard_error", [0.1], r"\(1,\)"),
            ("standard_error", [[0.1, 0.1]], r"\(1, 2\)"),
            ("n", [1, 2, 3], r"\(3,\)"),
            ("index", ["a"], r"\(1,\)"),
            ("index", "a", r"\(\)"),
            ("undefined", ["why"], r"\(1,\)"),
            ("sources", [Linearised(gradient=[1.0], covariance=[[1.0]])], r"\(1,\)"),
        ],
    )
    def test_shapes_must_agree(self, argument, given, shape):
        with pytest.raises(InvalidDataError, match=rf"has shape {shape}, the value \(2,\)\. Give one entry a cell"):
            estimate([1.0, math.nan], **{"undefined": "why", argument: given})

    @pytest.mark.parametrize(("argument", "given"), [("standard_error", [0.1, 0.2]), ("n", [1, 2]), ("index", ["a"])])
    def test_a_single_number_takes_no_cells(self, argument, given):
        with pytest.raises(InvalidDataError, match=r"the value \(\)"):
            estimate(1.0, **{argument: given})

    @pytest.mark.parametrize("error", [-0.1, math.inf, [0.1, -0.1]])
    def test_a_standard_error_is_finite_and_not_negative(self, error):
        with pytest.raises(InvalidDataError, match="a standard error is negative or infinite"):
            estimate([1.0, 2.0], standard_error=error)

    @pytest.mark.parametrize("n", [-1, math.nan, math.inf, [1, -1], None])
    def test_n_counts(self, n):
        with pytest.raises(InvalidDataError, match="n must count observations"):
            estimate([1.0, 2.0], n=n)

    def test_sums_of_weights_count_as_the_nearest_whole(self):
        assert estimate(n=11.999999999999998).n == 12
        assert isinstance(estimate(n=np.float64(12)).n, int)
        assert estimate([1.0, 2.0], n=[2.0, 3.0]).n.dtype == np.int64

    def test_scalars_spread_over_the_cells(self):
        spread = estimate([1.0, 2.0], standard_error=0.5, n=4)
        assert spread.standard_error.tolist() == [0.5, 0.5]
        assert spread.n.tolist() == [4, 4]

    def test_without_a_standard_error_it_is_unknown(self):
        unknown = Estimate(value=[1.0, 2.0], n=3, name="a", unit="b", definition="c")
        assert np.isnan(unknown.standard_error).all()
        low, high = unknown.confidence_interval()
        assert np.isnan(low).all()
        assert np.isnan(high).all()

    def test_an_undefined_value_has_no_standard_error(self):
        gap = estimate([1.0, math.nan], undefined="unseen", standard_error=[0.5, 0.5])
        np.testing.assert_array_equal(gap.standard_error, [0.5, math.nan])
        assert math.isnan(estimate(math.nan, undefined="unseen").standard_error)

    @pytest.mark.parametrize("value", [Decimal("0.5"), np.float32(0.5), np.array(0.5), np.array(0.5, object)])
    def test_numbers_of_any_kind_become_floats(self, value):
        assert type(estimate(value).value) is float
        assert estimate(value).value == 0.5

    @pytest.mark.parametrize("level", [0, 1, 95, -0.1, math.nan, math.inf, None, "0.95", True, [0.9]])
    def test_a_level_lies_inside_0_and_1(self, level):
        with pytest.raises(InvalidDataError, match=r"level must lie strictly between 0 and 1, not .*Give 0\.95"):
            estimate().confidence_interval(level)
        with pytest.raises(InvalidDataError, match="level must lie"):
            estimate().to_dict(level)

    def test_options_are_keywords(self):
        with pytest.raises(TypeError):
            Estimate(1.0, 0.1, 3, "a", "b", "c")

    @pytest.mark.parametrize(
        ("gradient", "covariance"),
        [([1.0, 2.0], np.eye(3)), ([[1.0, 2.0]], [1.0, 2.0]), (1.0, [[1.0]]), (np.ones((2, 2, 2)), np.eye(2))],
    )
    def test_a_gradient_fits_its_covariance(self, gradient, covariance):
        with pytest.raises(InvalidDataError, match="gradient has shape"):
            Linearised(gradient=gradient, covariance=covariance)


class TestImmutability:
    def test_attributes_cannot_be_set(self):
        with pytest.raises(AttributeError):
            estimate().value = 2.0

    @pytest.mark.parametrize("name", ["value", "standard_error", "n", "index", "undefined"])
    def test_arrays_cannot_be_written(self, name):
        result = estimate([1.0, math.nan], index=["a", "b"], undefined="why")
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 5

    def test_the_callers_array_stays_his_own(self):
        mine = np.array([1.0, 2.0])
        result = estimate(mine)
        mine[0] = 99
        assert result.value.tolist() == [1.0, 2.0]

    def test_a_read_only_view_of_writable_memory_is_copied(self):
        base = np.array([1.0, 2.0])
        view = base[:]
        view.setflags(write=False)
        result = estimate(view)
        base[0] = 99
        assert result.value.tolist() == [1.0, 2.0]

    def test_a_pandas_column_neither_freezes_nor_leaks(self):
        pd = pytest.importorskip("pandas")
        column = pd.Series([1.0, 2.0])
        result = estimate(column)
        column.iloc[0] = 99
        assert column.tolist() == [99.0, 2.0]
        assert result.value.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize("again", copies())
    def test_copies_and_pickles_are_equal_and_as_read_only(self, again):
        result = estimate(
            [1.0, math.nan],
            index=np.array(["a", "b"]),
            undefined=[None, "why"],
            band=Wilson([10.0, 0.0]),
            sources=[Linearised(gradient=[[1.0], [2.0]], covariance=[[4.0]])],
            caveats=["careful"],
        )
        back = again(result)
        assert back == result
        arrays = [back.value, back.standard_error, back.n, back.index, back.undefined, back.band.trials]
        arrays += [back.sources[0].gradient, back.sources[0].covariance, back.confidence_interval().low]
        assert not any(array.flags.writeable for array in arrays)

    @pytest.mark.parametrize("again", copies())
    def test_an_interval_survives_copies_and_pickles(self, again):
        interval = estimate([1.0, 2.0]).confidence_interval(0.9)
        assert again(interval) == interval
        assert not again(interval).low.flags.writeable


class TestEquality:
    @given(cells())
    def test_it_equals_itself_rebuilt_with_nan_in_it(self, a):
        again = Estimate(
            value=a.value.tolist(),
            standard_error=a.standard_error.tolist(),
            n=a.n.tolist(),
            name=a.name,
            unit=a.unit,
            definition=a.definition,
            undefined=a.undefined,
        )
        assert a == again
        assert not a != again  # noqa: SIM202  # the operator itself is under test

    @pytest.mark.parametrize(
        "change",
        [
            {"value": [1.0, 3.0]},
            {"value": [1.0, math.nan], "undefined": "why"},
            {"standard_error": [0.1, math.nan]},
            {"n": [3, 4]},
            {"name": "other"},
            {"unit": "other"},
            {"definition": "Other."},
            {"index": ["a", "c"]},
            {"index": None},
            {"index": [1, 2]},
            {"band": LogNormal()},
            {"sources": [Linearised(gradient=[[1.0], [1.0]], covariance=[[1.0]])]},
            {"caveats": ["careful"]},
        ],
    )
    def test_every_attribute_counts(self, change):
        options = {"value": [1.0, 2.0], "index": ["a", "b"]}
        assert estimate(**options) != estimate(**options | change)

    def test_reasons_count(self):
        assert estimate(math.nan, undefined="why") == estimate(math.nan, undefined="why")
        assert estimate(math.nan, undefined="why") != estimate(math.nan, undefined="because")

    def test_cells_and_a_single_number_differ(self):
        assert estimate(1.0) != estimate([1.0])
        assert estimate(1.0) != 1.0
        assert estimate(1.0) != "thing"

    def test_results_are_not_hashable(self):
        with pytest.raises(TypeError, match="unhashable"):
            hash(estimate([1.0]))

    def test_intervals_with_nan_are_equal(self):
        gap = estimate(math.nan, undefined="why")
        assert gap.confidence_interval() == gap.confidence_interval()
        assert gap.confidence_interval(0.9) != gap.confidence_interval(0.8)


class TestInterval:
    @given(cells(), levels)
    def test_it_contains_the_value(self, a, level):
        low, high = a.confidence_interval(level)
        known = ~np.isnan(a.value)
        assert (low[known] <= a.value[known]).all()
        assert (high[known] >= a.value[known]).all()
        np.testing.assert_array_equal(np.isnan(low), ~known)

    @given(cells(gaps=False), levels, levels)
    def test_a_higher_level_is_wider(self, a, one, other):
        narrow, wide = a.confidence_interval(min(one, other)), a.confidence_interval(max(one, other))
        assert (wide.low <= narrow.low).all()
        assert (wide.high >= narrow.high).all()

    def test_a_shrunken_band_is_widened_to_the_value(self):
        odd = estimate(0.9, band=Normal(0.0, 0.5))
        assert odd.confidence_interval().high == 0.9

    def test_two_sigma(self):
        # 1.959964 is the standard normal 97.5 percent quantile.
        low, high = estimate(10.0, standard_error=2.0).confidence_interval()
        assert low == pytest.approx(10 - 2 * 1.959964, abs=1e-6)
        assert high == pytest.approx(10 + 2 * 1.959964, abs=1e-6)

    def test_scalars_are_floats_and_arrays_are_arrays(self):
        assert type(estimate(1.0).confidence_interval().low) is float
        assert estimate([1.0]).confidence_interval().low.shape == (1,)

    def test_a_matrix_keeps_its_shape(self):
        matrix = estimate(np.ones((2, 3)), index=["a", "b"])
        assert matrix.confidence_interval().high.shape == (2, 3)


class TestTotals:
    @given(cells(gaps=False))
    def test_independent_cells_add_in_squares(self, a):
        total, mean = a.sum(), a.mean()
        assert total.value == pytest.approx(math.fsum(a.value), rel=1e-9, abs=1e-6)
        assert total.standard_error == pytest.approx(math.sqrt(math.fsum(a.standard_error**2)))
        assert mean.value == pytest.approx(math.fsum(a.value) / len(a.value), rel=1e-9, abs=1e-6)
        assert mean.standard_error == pytest.approx(total.standard_error / len(a.value))
        assert total.n == mean.n == a.n.sum()

    def test_cells_of_one_fit_share_its_parameters(self):
        # value_i = x_i * theta, var(theta) = 0.25: the total 6 * theta has error 6 * 0.5, not 0.5 * sqrt(1 + 4 + 9).
        x = np.array([1.0, 2.0, 3.0])
        source = Linearised(gradient=x[:, None], covariance=[[0.25]])
        fitted = estimate(2 * x, standard_error=np.sqrt(source.variance()), n=100, sources=[source])
        assert fitted.sum().standard_error == pytest.approx(3.0)
        assert fitted.mean().standard_error == pytest.approx(1.0)
        assert fitted.sum().n == 100
        assert fitted.sum(by=["a", "b", "a"]).standard_error.tolist() == pytest.approx([2.0, 1.0])

    def test_cells_that_move_against_each_other_cancel(self):
        source = Linearised(gradient=[[1.0], [-1.0]], covariance=[[0.1]])
        fitted = estimate([5.0, 5.0], standard_error=0.3, sources=[source], band=LogNormal())
        assert fitted.sum().standard_error == 0.0
        assert tuple(fitted.sum().confidence_interval()) == (10.0, 10.0)

    def test_a_total_of_totals_is_the_total(self):
        generator = np.random.default_rng(1)
        gradient, root = generator.normal(size=(6, 2)), generator.normal(size=(2, 2))
        source = Linearised(gradient=gradient, covariance=root @ root.T)
        fitted = estimate(np.arange(6.0), n=50, sources=[source, Linearised(gradient=gradient, covariance=np.eye(2))])
        groups = fitted.sum(by=list("aabbcc"))
        assert groups.sum().value == fitted.sum().value
        assert groups.sum().standard_error == pytest.approx(fitted.sum().standard_error)
        assert groups.sum().n == 50

    def test_two_fits_behind_one_value_add_up(self):
        sources = [Linearised(gradient=[[1.0], [1.0]], covariance=[[v]]) for v in (9.0, 16.0)]
        assert estimate([1.0, 1.0], sources=sources).mean().standard_error == pytest.approx(5.0)

    def test_groups_are_sorted_and_labelled(self):
        by = np.array(["south", "north", "south"])
        total = estimate([1.0, 2.0, 3.0], n=[1, 2, 3]).sum(by=by)
        assert total.index.tolist() == ["north", "south"]
        assert total.value.tolist() == [2.0, 4.0]
        assert total.n.tolist() == [2, 4]
        assert estimate([1.0, 2.0, 3.0]).mean(by=by).value.tolist() == [2.0, 2.0]

    @given(cells(), st.data())
    def test_groups_partition_the_total(self, a, data):
        by = data.draw(st.lists(st.sampled_from("abc"), min_size=len(a.value), max_size=len(a.value)))
        groups = a.sum(by=by)
        reasons = np.broadcast_to(groups.undefined, groups.value.shape)
        for label, value, reason in zip(groups.index, groups.value, reasons, strict=True):
            inside = a.value[np.array(by) == label]
            np.testing.assert_allclose(value, inside.sum(), rtol=1e-9, atol=1e-6)
            assert (reason is not None) == bool(np.isnan(inside).any())

    @pytest.mark.parametrize(
        "by", [[2, 1, 2], [True, False, True], np.array([2, 1, 2], object), [dt.date(2024, 1, d) for d in (2, 1, 2)]]
    )
    def test_labels_of_any_sortable_type(self, by):
        assert estimate([1.0, 2.0, 3.0]).sum(by=by).value.tolist() == [2.0, 4.0]

    @pytest.mark.parametrize(
        ("by", "match"),
        [
            (["a", "b"], r"by= has shape \(2,\), but there are 3 cells"),
            ("a", r"by= has shape \(\)"),
            ([["a"], ["b"], ["c"]], r"by= has shape \(3, 1\)"),
            (["a", None, "c"], "missing labels"),
            ([1.0, math.nan, 2.0], "missing labels"),
            (np.array(["2024-01-01", "NaT", "2024-01-02"], "datetime64[D]"), "missing labels"),
            (np.array(["a", 1, "b"], object), "mixes labels"),
        ],
    )
    def test_labels_that_do_not_fit_are_refused(self, by, match):
        with pytest.raises(InvalidDataError, match=match):
            estimate([1.0, 2.0, 3.0]).sum(by=by)

    def test_missing_labels_of_pandas_are_refused(self):
        pd = pytest.importorskip("pandas")
        with pytest.raises(InvalidDataError, match="missing labels"):
            estimate([1.0, 2.0]).sum(by=pd.array(["a", None], dtype="string"))

    def test_an_undefined_cell_makes_the_total_undefined_and_says_so(self):
        gap = estimate([1.0, math.nan, math.nan, 2.0], undefined=[None, "nobody came", "too early", None])
        assert gap.sum().undefined == "2 of 4 cells are undefined, the first because nobody came"
        groups = gap.sum(by=["a", "a", "b", "c"])
        assert groups.undefined.tolist() == [
            "1 of 2 cells are undefined, the first because nobody came",
            "1 of 1 cells are undefined, the first because too early",
            None,
        ]
        np.testing.assert_array_equal(groups.value, [math.nan, math.nan, 2.0])

    def test_an_unknown_error_makes_the_totals_error_unknown(self):
        assert math.isnan(estimate([1.0, 2.0], standard_error=[0.1, math.nan]).sum().standard_error)

    def test_no_cells(self):
        nothing = estimate([], standard_error=[], n=[])
        assert nothing.sum().value == 0.0
        assert nothing.sum().n == 0
        assert math.isnan(nothing.mean().value)
        assert nothing.mean().undefined == "there is no cell to average"
        assert nothing.sum(by=[]).value.shape == (0,)
        source = Linearised(gradient=np.empty((0, 2)), covariance=np.eye(2))
        assert estimate([], standard_error=[], n=[], sources=[source]).sum().value == 0.0

    @pytest.mark.parametrize(("value", "what"), [(1.0, "a single number"), (np.ones((2, 2)), "a matrix")])
    def test_only_a_row_adds_up(self, value, what):
        for combine in (estimate(value).sum, estimate(value).mean):
            with pytest.raises(InvalidDataError, match=f"thing is {what}: only a row of cells"):
                combine()

    def test_names_units_and_definitions(self):
        rates = estimate([0.1, 0.2], unit="fraction", name="P(alive)", definition="Chance.", caveats=["weak"])
        total, mean = rates.sum(), rates.mean(by=["a", "b"])
        assert (total.name, total.unit, mean.name, mean.unit) == (
            "total P(alive)",
            "count",
            "mean P(alive)",
            "fraction",
        )
        assert total.definition == "Sum over all cells of: Chance."
        assert mean.definition == "Mean over each group of cells of: Chance."
        assert total.caveats == ("weak",)
        assert estimate([1.0]).sum().unit == "things"

    @pytest.mark.parametrize(
        ("band", "of_sum", "of_mean"),
        [
            (Normal(), Normal(), Normal()),
            (Normal(0.0, 1.0), Normal(0.0), Normal(0.0, 1.0)),
            (Normal(-1.0, 0.0), Normal(-np.inf, 0.0), Normal(-1.0, 0.0)),
            (LogNormal(), LogNormal(), LogNormal()),
            (LogitNormal(), LogNormal(), LogitNormal()),
            (Exact(), Exact(), Exact()),
            (StudentT(np.array([3.0, 4.0]), 0.0), Normal(0.0), Normal(0.0)),
            (Wilson([5.0, 5.0]), Normal(0.0), Normal(0.0, 1.0)),
            (Wilson([5.0, 5.0], scale=100.0), Normal(0.0), Normal(0.0, 100.0)),
            (NoBand("parameters were given"), NoBand("parameters were given"), NoBand("parameters were given")),
        ],
    )
    def test_the_band_follows(self, band, of_sum, of_mean):
        row = estimate([0.1, 0.2], band=band)
        assert row.sum().band == of_sum
        assert row.mean().band == of_mean


class TestOutput:
    def test_one_line_says_it_all(self):
        assert repr(estimate(0.25, unit="fraction", n=7500)) == (
            "<thing: 0.25 fraction (95% interval 0.054 to 0.446; n = 7,500)>"
        )
        assert repr(estimate(1234567.0, standard_error=0.0, band=Exact())) == "<thing: 1,234,567 things (exact; n = 3)>"
        assert repr(estimate(1.0, standard_error=math.nan)) == "<thing: 1 things (no interval; n = 3)>"
        assert repr(estimate(math.nan, undefined="nobody came")) == "<thing: undefined, because nobody came>"
        assert repr(estimate([1.0, math.nan, 3.0], undefined="why")) == "<thing: 3 cells, things, 1 to 3, 1 undefined>"
        assert repr(estimate([math.nan], undefined="why")) == "<thing: 1 cells, things, 1 undefined>"
        assert repr(estimate([], standard_error=[], n=[])) == "<thing: 0 cells, things>"
        assert repr(estimate(np.ones((2, 1000)))) == "<thing: 2 x 1,000 cells, things, 1 to 1>"

    def test_a_side_without_a_bound(self):
        wide = estimate(1e-3, standard_error=1e3, band=LogNormal())
        assert wide.confidence_interval().high == math.inf
        assert "to no bound" in repr(wide)

    def test_html_is_escaped(self):
        page = estimate(name="<script>alert(1)</script>", definition='A & B < "C".', unit="<b>")._repr_html_()
        assert "<script" not in page
        assert "<b>" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "A &amp; B &lt; &quot;C&quot;." in page

    def test_plain_numbers_for_json(self):
        text = json.dumps(estimate(1.0).to_dict(0.9), allow_nan=False)
        back = json.loads(text)
        assert list(back) == [
            "name", "value", "standard_error", "n", "unit", "definition", "undefined", "index", "interval", "caveats",
        ]  # fmt: skip
        assert back["interval"]["level"] == 0.9
        assert back["interval"]["method"] == "Wald"
        assert "unbounded" not in back["interval"]
        assert (back["value"], back["n"], back["undefined"], back["index"]) == (1.0, 3, None, None)

    def test_undefined_is_null_with_its_reason(self):
        back = json.loads(json.dumps(estimate([1.0, math.nan], undefined="why").to_dict(), allow_nan=False))
        assert back["value"] == [1.0, None]
        assert back["standard_error"] == [0.1, None]
        assert back["undefined"] == [None, "why"]
        assert back["interval"]["low"][1] is None
        single = estimate(math.nan, undefined="why").to_dict()
        assert (single["value"], single["interval"]["low"], single["undefined"]) == (None, None, "why")

    def test_an_unbounded_side_is_null_and_said(self):
        limits = estimate(1e-3, standard_error=1e3, band=LogNormal()).to_dict()["interval"]
        assert limits["high"] is None
        assert limits["unbounded"] is True
        json.dumps(limits, allow_nan=False)

    @pytest.mark.parametrize(
        ("index", "plain"),
        [
            (np.array(["2024-01-01", "NaT"], "datetime64[D]"), ["2024-01-01", None]),
            (np.array([3, 4], np.int32), [3, 4]),
            (np.array([1.5, math.nan]), [1.5, None]),
            (np.array(["a", None], object), ["a", None]),
            (np.array([dt.date(2024, 1, 1), 5], object), ["2024-01-01", 5]),
            ([("a", 1), ("b", 2)], [["a", "1"], ["b", "2"]]),
        ],
    )
    def test_ids_of_any_kind_become_plain(self, index, plain):
        back = json.loads(json.dumps(estimate([1.0, 2.0], index=index).to_dict(), allow_nan=False))
        assert back["index"] == plain

    def test_float_and_array(self):
        assert float(estimate(1.5)) == 1.5
        assert math.isnan(float(estimate(math.nan, undefined="why")))
        assert np.asarray(estimate([1.0, 2.0])).tolist() == [1.0, 2.0]
        assert np.asarray(estimate([1.0, 2.0]), dtype=np.float32).dtype == np.float32
        assert np.add(estimate([1.0, 2.0]), 1.0).tolist() == [2.0, 3.0]
        fresh = np.array(estimate([1.0, 2.0]))
        fresh[0] = 9
        with pytest.raises(
            TypeError, match=r"thing holds 1 cells, not one number: read \.value, \.sum\(\) or \.mean\(\)"
        ):
            float(estimate([1.0]))


class TestHasEstimate:
    class Richer(HasEstimate):
        @property
        def estimate(self):
            return estimate(1.5, caveats=["careful"])

    def test_it_lends_the_estimates_attributes(self):
        richer, plain = self.Richer(), estimate(1.5, caveats=["careful"])
        for name in ("value", "standard_error", "name", "unit", "definition", "undefined", "index", "caveats"):
            assert getattr(richer, name) == getattr(plain, name)
        assert float(richer) == 1.5
        assert float(np.asarray(richer)) == 1.5
        assert richer.to_dict(0.9) == plain.to_dict(0.9)

    def test_it_is_abstract(self):
        with pytest.raises(TypeError, match="abstract"):
            HasEstimate()


def test_the_top_level_name_is_the_same_class():
    assert clm.Estimate is Estimate

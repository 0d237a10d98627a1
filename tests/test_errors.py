"""Errors travel between processes whole, and are caught as what a caller would guess."""

from __future__ import annotations

import copy
import pickle
import warnings

import pytest

import clm
from clm import errors

MADE = [
    errors.ClmError("wrong"),
    errors.InvalidDataError("amount is NaN in 1 of 3 rows, first at row 2. Drop it."),
    errors.TransitionError("no", stage="lapsed", kind="visit", allowed={"order": ("reactivated",), "call": ("a", "b")}),
    errors.ConvergenceError("stopped", result={"loglik": -3.0}),
    errors.ConvergenceError("stopped"),
    errors.UnknownMetricError("there is no metric 'npss'"),
    errors.MissingExtraError("install matplotlib", extra="plot"),
    errors.ClmWarning("hm"),
    errors.IdentifiabilityWarning("flat"),
    errors.PluginWarning("skipped"),
]


class TestPickling:
    @pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_everything_comes_back(self, error, protocol):
        error.add_note("seen in row 3")
        back = pickle.loads(pickle.dumps(error, protocol))
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert back.args == error.args
        assert vars(back) == vars(error)

    @pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
    def test_copies(self, error):
        for again in (copy.copy(error), copy.deepcopy(error)):
            assert (type(again), again.args, vars(again)) == (type(error), error.args, vars(error))

    def test_import_errors_keep_their_message(self):
        back = pickle.loads(pickle.dumps(errors.MissingExtraError("install it", extra="plot")))
        assert (back.msg, back.extra) == ("install it", "plot")

    def test_subclasses_of_a_plug_in_travel_too(self):
        back = pickle.loads(pickle.dumps(Refused("no", stage="a", kind="b", allowed={})))
        assert type(back) is Refused
        assert back.stage == "a"


class Refused(errors.TransitionError):
    """What a plug-in may raise."""


class TestKinds:
    @pytest.mark.parametrize(
        ("kind", "builtin"),
        [
            (errors.InvalidDataError, ValueError),
            (errors.TransitionError, ValueError),
            (errors.ConvergenceError, RuntimeError),
            (errors.UnknownMetricError, LookupError),
            (errors.MissingExtraError, ImportError),
        ],
    )
    def test_each_is_what_a_caller_would_guess(self, kind, builtin):
        assert issubclass(kind, builtin)
        assert issubclass(kind, clm.ClmError)

    def test_warnings_are_user_warnings(self):
        for kind in (clm.IdentifiabilityWarning, clm.PluginWarning):
            assert issubclass(kind, clm.ClmWarning)
            with pytest.warns(UserWarning, match="hm"):
                warnings.warn("hm", kind, stacklevel=1)

    def test_a_transition_error_says_what_is_allowed(self):
        allowed = {"order": ("conversion",)}
        error = clm.TransitionError("no", stage="reach", kind="refund", allowed=allowed)
        allowed.clear()
        assert (error.stage, error.kind, error.allowed) == ("reach", "refund", {"order": ("conversion",)})


class TestNearest:
    @pytest.mark.parametrize(
        ("name", "known", "said"),
        [
            ("custmer", ["customer", "at"], " Did you mean 'customer'?"),
            ("xyz", ["customer", "at"], ""),
            ("", ["a"], ""),
            ("a", [], ""),
        ],
    )
    def test_it_offers_the_closest_name(self, name, known, said):
        assert errors.nearest(name, known) == said
        assert errors.nearest(name, iter(known)) == said

"""Defects put into the engine of whole columns are caught by comparing it with the scalar machine."""

from __future__ import annotations

import importlib
import inspect
import types
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.journeys.test_engine import a_lifecycle, a_log, an_end, engine, replayed

# What was seen to go wrong, or nearly, as one changed line each: module, what it says, what it would say.
DEFECTS = {
    "a deadline at a touchpoint's instant comes too late": (
        "_kernel_clocks",
        "crowd.next_at[:count] <= now",
        "crowd.next_at[:count] < now",
    ),
    "a deadline at the log's end is left out": (
        "_kernel_clocks",
        "self.crowd.next_at <= through",
        "self.crowd.next_at < through",
    ),
    "a deadline that passed before entry fires in the past": (
        "_kernel_clocks",
        "entered = np.maximum(crowd.next_at[who], crowd.entered[who])",
        "entered = crowd.next_at[who]",
    ),
    "of equal deadlines the last declared fires": ("_kernel_clocks", "(own < place)", "(own > place)"),
    "the same, one customer at a time": ("_kernels", "if deadline < best:", "if deadline <= best:"),
    "a gap as long as the timeout is too short": (
        "_kernel_idle",
        "self.bucket_of.take(units)",
        "self.bucket_of.take(np.maximum(units - 1, 0))",
    ),
    "clocks of some kinds do not start at the opening": ("_kernel_clocks", "hit[steps.start] = True", "pass"),
    "a win-back of another kind is undone at its own instant": (
        "_kernel_clocks",
        "np.maximum(base, self.crowd.since[who])",
        "base",
    ),
    "a missing number differs from all": ("_symbols", " & ~np.isnan(own)", ""),
    "the current touchpoint does not count": (
        "_symbols",
        "running[places] - before[self.owner[places]]",
        "running[places] - before[self.owner[places]] - 1",
    ),
    "sums are rounded as differences": (
        "_symbols",
        "sums = values.copy()",
        "return np.cumsum(values) - np.repeat((np.cumsum(values) - values)[np.cumsum(sizes) - sizes], sizes)",
    ),
    "timeouts in a row overwrite each other": ("_emit", "place[course.step] + course.place", "place[course.step]"),
    "dates that have passed are not due at the opening": ("_steps", "opened |= some &", "opened &= some &"),
    "dates before the entry fire": ("_kernel_clocks", "crowd.floor[who] = entered", "pass"),
}


def functions_of(module):
    """Return the functions and methods that a module defines, by name."""
    found = {}
    for owner in (module, *(value for value in vars(module).values() if inspect.isclass(value))):
        for value in vars(owner).values():
            function = inspect.unwrap(value) if callable(value) else value
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                found[function.__qualname__] = function
    return found


@contextmanager
def changed(name, old, new):
    """Run with one line of a module changed."""
    module = importlib.import_module(f"clm.journeys.{name}")
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1, old
    other = types.ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__file__, "exec"), vars(other))
    changes = functions_of(other)
    with pytest.MonkeyPatch.context() as patch:
        for qualname, function in functions_of(module).items():
            patch.setattr(function, "__code__", changes[qualname].__code__)
        yield


@pytest.fixture(scope="module")
def cases():
    """Replays and what the scalar machine makes of them."""
    found = []
    for seed in range(300):
        log = a_log(seed, 6)
        through = an_end(seed, log)
        options = {"block": (3, 1 << 18)[seed % 2], "few": (0, 1, 64)[seed % 3], "long": 8}
        for idle in (False, True):
            lifecycle = a_lifecycle(seed, idle=idle)
            with engine(columns=False):
                found.append((lifecycle, log, through, options, replayed(lifecycle, log, through)))
    return found


def caught(cases):
    """Whether some replay differs from what it should be, or fails."""
    for lifecycle, log, through, options, expected in cases:
        with engine(columns=True, **options):
            try:
                same = replayed(lifecycle, log, through) == expected
            except IndexError:
                same = False  # parts of the result were never written
        if not same:
            return True
    return False


@pytest.mark.parametrize("defect", DEFECTS)
def test_it_is_caught(defect, cases):
    with changed(*DEFECTS[defect]):
        assert caught(cases)


def test_without_a_defect_nothing_is_caught(cases):
    assert not caught(cases)

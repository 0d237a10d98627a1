"""Frames of every engine, for the tests of the edge."""

import pytest
from tests.frames.engines import ENGINES, TYPED


@pytest.fixture(params=ENGINES)
def frame(request, tmp_path):
    """Make a frame of columns, once for each engine."""
    return lambda columns: ENGINES[request.param](columns, tmp_path)


@pytest.fixture(params=TYPED)
def typed_frame(request, tmp_path):
    """Make a frame of columns, once for each engine that keeps their types."""
    return lambda columns: TYPED[request.param](columns, tmp_path)

"""Conformance checks for metrics written elsewhere."""

from clm.testing._metric import ConformanceError, check_metric

__all__ = ["ConformanceError", "check_metric"]

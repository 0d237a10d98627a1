"""The metrics that come with the library, by stage."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from clm.metrics._acquisition import ACQUISITION
from clm.metrics._conversion import CONVERSION
from clm.metrics._loyalty import LOYALTY
from clm.metrics._reach import REACH
from clm.metrics._retention import RETENTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.metrics._protocol import Metric

_ALL: tuple[Metric, ...] = (*REACH, *ACQUISITION, *CONVERSION, *RETENTION, *LOYALTY)

BUILT_IN: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in _ALL})
"""Every built-in metric by its name, in the order of the stages."""

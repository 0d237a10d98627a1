"""Real and simulated customer bases to try things on."""

from clm.datasets._cdnow import cdnow
from clm.datasets._donations import donations

__all__ = ["cdnow", "donations"]

"""Real and simulated customer bases to try things on."""

from clm.datasets._cdnow import cdnow
from clm.datasets._donations import donations
from clm.datasets._simulate import simulate_base

__all__ = ["cdnow", "donations", "simulate_base"]

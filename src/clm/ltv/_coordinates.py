"""Coordinates of parameters in which a posterior is nearest to a normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from clm.typing import FloatArray


class Coordinates(Protocol):
    """One to one with log parameters."""

    def of(self, log_values: FloatArray) -> FloatArray:
        """Return the coordinates of log parameters, row by row."""

    def back(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log parameters and the log of what volume becomes there, -inf outside the range, row by row."""

    def slopes(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives (k, k) of log parameters by coordinates, and those (k,) of the log volume."""


@final
@frozen
class Logs:
    """The logs themselves."""

    def of(self, log_values: FloatArray) -> FloatArray:
        """Return the coordinates of log parameters."""
        return log_values

    def back(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log parameters and the log of what volume becomes there."""
        return coordinates, np.zeros(coordinates.shape[:-1])

    def slopes(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives of log parameters by coordinates, and those of the log volume."""
        return np.eye(coordinates.size), np.zeros(coordinates.size)


@final
@frozen
class TwoGammas:
    """Of two gamma distributions ``r, alpha, s, beta``: log r, log r/alpha, one over the root of s, log s/beta.

    The likelihood flattens out towards large s, where all customers leave at the same rate. One over the root of s has
    an end there, at 0, and no long tail.
    """

    def of(self, log_values: FloatArray) -> FloatArray:
        """Return the coordinates of log parameters."""
        r, alpha, s, beta = np.moveaxis(log_values, -1, 0)
        return np.stack([r, r - alpha, np.exp(-s / 2), s - beta], axis=-1)

    def back(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log parameters and the log of what volume becomes there, -inf where s would have no value."""
        r, rate, root, leaving = np.moveaxis(coordinates, -1, 0)
        inside = root > 0
        s = -2 * np.log(np.where(inside, root, 1.0))
        log_values = np.stack([r, r - rate, s, s - leaving], axis=-1)
        return log_values, np.where(inside, np.log(2.0) + s / 2, -np.inf)

    def slopes(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives of log parameters by coordinates, and those of the log volume."""
        by_root = -2 / coordinates[2]
        slopes = np.array([[1, 0, 0, 0], [1, -1, 0, 0], [0, 0, by_root, 0], [0, 0, by_root, -1]])
        return slopes, np.array([0, 0, -1 / coordinates[2], 0])

"""Characteristics of customers that a model may use: read, checked, and made comparable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.stats import array_field, floats, frozen_array, refuse, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray


@final
@frozen
class Covariates:
    """Characteristics of customers, a row each.

    Attributes
    ----------
    names : tuple of str
    values : (n, p) ndarray of float64
    """

    names: tuple[str, ...]
    values: FloatArray = array_field()

    __setstate__ = seal

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def read(cls, given: Any, customers: int) -> Covariates:
        """Take columns of numbers or truth values by name, one entry a customer.

        Raises
        ------
        InvalidDataError
            If it is no mapping of names to numbers, a column has another length, or a number is missing or infinite.
        """
        if not isinstance(given, Mapping):
            raise InvalidDataError(
                f"covariates must be a mapping of names to columns, not {type(given).__name__}. "
                "Give {'age': [...]} in the order of rfm, or clm.covariates(frame, rfm, columns=[...])."
            )
        if not given:
            raise InvalidDataError("covariates are empty. Give at least one, or fit without covariates.")
        columns = []
        for name, values in given.items():
            truths = np.asarray(values).dtype.kind == "b"
            column = floats(np.asarray(values, np.float64) if truths else values, f"covariate {name}")
            if len(column) != customers:
                raise InvalidDataError(
                    f"covariate {name} has {len(column):,} entries, but there are {customers:,} customers. "
                    "Give one each, in the order of rfm."
                )
            refuse(
                ~np.isfinite(column),
                f"covariate {name} is missing or infinite",
                "Leave those customers out, or say it by a column of its own.",
            )
            columns.append(column)
        return cls(tuple(str(name) for name in given), frozen_array(np.stack(columns, axis=1)))

    def check_apart(self) -> None:
        """Refuse columns whose effects no data can tell apart.

        Raises
        ------
        InvalidDataError
            If a column is the same for all customers, or a combination of the columns before it.
        """
        centred = self.values - self.values.mean(axis=0)
        size = np.sqrt((centred**2).sum(axis=0))
        level = np.sqrt((self.values**2).sum(axis=0))
        for j, name in enumerate(self.names):
            if not size[j] > 1e-9 * level[j]:
                raise InvalidDataError(f"covariate {name} is the same for all customers. Leave it out.")
        unit = centred / size
        for j, name in enumerate(self.names[1:], start=1):
            weights, *_ = np.linalg.lstsq(unit[:, :j], unit[:, j], rcond=None)
            if np.sqrt(((unit[:, j] - unit[:, :j] @ weights) ** 2).sum()) < 1e-7:
                others = [self.names[i] for i in range(j) if abs(weights[i]) > 1e-6]
                raise InvalidDataError(
                    f"covariate {name} follows from {', '.join(others)}: their effects cannot be told apart. "
                    "Leave one of them out."
                )

    def chosen(self, names: Any, role: str) -> tuple[int, ...]:
        """Return which columns are named; all of them where nothing is said.

        Raises
        ------
        InvalidDataError
            If a name is unknown, or comes twice.
        """
        if names is None:
            return tuple(range(len(self.names)))
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            if name not in self.names:
                message = f"{role}={name!r} is none of the covariates {', '.join(self.names)}."
                raise InvalidDataError(message + nearest(str(name), self.names))
        if len(set(wanted)) < len(wanted):
            raise InvalidDataError(f"{role} names a covariate twice. Give each once.")
        return tuple(self.names.index(name) for name in wanted)

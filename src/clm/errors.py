"""What clm raises and warns with: a message says what is wrong, where, and what to do next."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class ClmError(Exception):
    """Base of every error that clm raises on purpose."""


class InvalidDataError(ClmError, ValueError):
    """Data or options that no honest number can be computed from."""


class TransitionError(ClmError, ValueError):
    """A touchpoint that the lifecycle does not allow in the customer's current stage.

    Attributes
    ----------
    stage : str
        Where the customer is.
    kind : str
        The kind of the refused touchpoint.
    allowed : mapping of str to tuple of str
        The kinds that are allowed there, each with its possible targets.
    """

    def __init__(self, message: str, *, stage: str, kind: str, allowed: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(message)
        self.stage = stage
        self.kind = kind
        self.allowed = dict(allowed)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by their positional arguments alone.
        again = partial(type(self), stage=self.stage, kind=self.kind, allowed=self.allowed)
        return again, self.args, self.__dict__


class ConvergenceError(ClmError, RuntimeError):
    """An optimiser stopped before it reached a maximum.

    Attributes
    ----------
    result : object
        What was reached, with its diagnostics.
    """

    def __init__(self, message: str, *, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class UnknownMetricError(ClmError, LookupError):
    """A metric name that is neither built in nor plugged in."""


class MissingExtraError(ClmError, ImportError):
    """An optional package that this call needs is not installed.

    Attributes
    ----------
    extra : str
        The extra that installs it, as in ``pip install "clm[extra]"``.
    """

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message)
        self.extra = extra

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), extra=self.extra), self.args, self.__dict__


class ClmWarning(UserWarning):
    """Base of every warning that clm issues."""


class IdentifiabilityWarning(ClmWarning):
    """The data do not pin a parameter down; intervals that would need it are undefined."""


class PluginWarning(ClmWarning):
    """A plugged-in metric was skipped."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant, or nothing.

    Returns
    -------
    str
        ``" Did you mean 'at'?"`` with its leading space, or the empty string.
    """
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""

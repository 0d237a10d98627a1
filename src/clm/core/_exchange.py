"""Write a lifecycle as plain values, and read it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from clm.core._duration import written
from clm.core._guards import guard_from_dict
from clm.core._parts import Stage, Timeout, Transition
from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from clm.core._lifecycle import Lifecycle

SCHEMA: Final = 1


def lifecycle_to_dict(lifecycle: Lifecycle) -> dict[str, Any]:
    """Return what JSON can hold."""
    return {
        "schema": SCHEMA,
        "name": lifecycle.name,
        "stages": [{"name": stage.name, "rank": stage.rank} for stage in lifecycle.stages],
        "initial": lifecycle.initial,
        "transitions": [_transition(transition) for transition in lifecycle.transitions],
        "timeouts": [_timeout(timeout) for timeout in lifecycle.timeouts],
        "kinds": list(lifecycle.kinds),
        "backward": lifecycle.backward,
    }


def lifecycle_fields(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Lifecycle` from what `lifecycle_to_dict` wrote.

    Raises
    ------
    InvalidDataError
        If an entry is missing or malformed, or the schema is newer.
    """
    if not isinstance(plain, Mapping):
        raise InvalidDataError(f"a lifecycle is read from a mapping, not from {type(plain).__name__}.")
    schema = plain.get("schema", SCHEMA)
    if not isinstance(schema, int) or schema > SCHEMA:
        raise InvalidDataError(
            f"this lifecycle was written in schema {schema!r}, but this clm reads up to {SCHEMA}. Upgrade clm."
        )
    try:
        return {
            "name": plain["name"],
            "stages": [Stage(stage["name"], rank=stage.get("rank")) for stage in plain["stages"]],
            "initial": plain["initial"],
            "transitions": [
                Transition(
                    entry["source"],
                    entry["kind"],
                    entry["target"],
                    when=None if entry.get("when") is None else guard_from_dict(entry["when"]),
                    reenter=entry.get("reenter", False),
                )
                for entry in plain["transitions"]
            ],
            "timeouts": [
                Timeout(
                    entry["source"],
                    entry["target"],
                    after=entry.get("after"),
                    idle=entry.get("idle"),
                    attribute=entry.get("attribute"),
                    of=entry.get("of"),
                )
                for entry in plain.get("timeouts", ())
            ],
            "kinds": plain.get("kinds"),
            "backward": plain.get("backward", "allow"),
        }
    except KeyError as error:
        raise InvalidDataError(f"this lifecycle has no {error.args[0]!r}. Write it with Lifecycle.to_dict().") from None
    except (AttributeError, TypeError) as error:
        raise InvalidDataError(f"this lifecycle cannot be read: {error}. Write it with Lifecycle.to_dict().") from error


def _transition(transition: Transition) -> dict[str, Any]:
    plain: dict[str, Any] = {"source": transition.source, "kind": transition.kind, "target": transition.target}
    if transition.when is not None:
        plain["when"] = transition.when.to_dict()
    if transition.reenter:
        plain["reenter"] = True
    return plain


def _timeout(timeout: Timeout) -> dict[str, Any]:
    plain: dict[str, Any] = {"source": timeout.source, "target": timeout.target}
    if timeout.after is not None:
        plain["after"] = written(timeout.after)
    if timeout.idle is not None:
        plain["idle"] = written(timeout.idle)
    if timeout.attribute is not None:
        plain["attribute"] = timeout.attribute
    if timeout.of is not None:
        plain["of"] = list(timeout.of)
    return plain

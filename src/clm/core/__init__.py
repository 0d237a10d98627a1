"""The domain core: customers, touchpoints and the lifecycle machine, without arrays and without dataframes."""

from clm.core._checks import Finding
from clm.core._duration import microseconds_of
from clm.core._guards import OPERATORS, All, Comparison, Either, Guard, Not, guard_from_dict, when
from clm.core._history import History
from clm.core._instants import NEVER, instant, microseconds
from clm.core._lifecycle import Lifecycle
from clm.core._machine import AFTER, ATTRIBUTE, IDLE, IDLE_OF, Machine
from clm.core._mapping import FrozenMapping
from clm.core._names import ACQUIRED, TIMEOUT
from clm.core._parts import Stage, Timeout, Transition
from clm.core._records import Customer, Touchpoint, Visit
from clm.core._replay import Policy, check_max_visits, check_policy, unknown_kind
from clm.core._state import State, cause_name
from clm.core._walk import BY_ACQUISITION, BY_TIMEOUT, MAX_VISITS, WAITING, TooManyVisitsError, Walk

__all__ = [
    "ACQUIRED",
    "AFTER",
    "ATTRIBUTE",
    "BY_ACQUISITION",
    "BY_TIMEOUT",
    "IDLE",
    "IDLE_OF",
    "MAX_VISITS",
    "NEVER",
    "OPERATORS",
    "TIMEOUT",
    "WAITING",
    "All",
    "Comparison",
    "Customer",
    "Either",
    "Finding",
    "FrozenMapping",
    "Guard",
    "History",
    "Lifecycle",
    "Machine",
    "Not",
    "Policy",
    "Stage",
    "State",
    "Timeout",
    "TooManyVisitsError",
    "Touchpoint",
    "Transition",
    "Visit",
    "Walk",
    "cause_name",
    "check_max_visits",
    "check_policy",
    "guard_from_dict",
    "instant",
    "microseconds",
    "microseconds_of",
    "unknown_kind",
    "when",
]

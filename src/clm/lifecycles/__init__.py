"""Ready-made lifecycles, one function each."""

from clm.lifecycles._five_stage import five_stage
from clm.lifecycles._names import by_name, names

__all__ = ["by_name", "five_stage", "names"]

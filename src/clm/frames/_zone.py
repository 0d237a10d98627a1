"""Time zones, by the name that modules of this package know."""

from clm.data import DAY, HOUR, MISSING, SECOND, Zone

__all__ = ["DAY", "HOUR", "MISSING", "SECOND", "Zone"]

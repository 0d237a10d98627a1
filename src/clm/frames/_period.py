"""Calendar periods, by the name that modules of this package know."""

from clm.data import HOURS, MONTHS, WEEKDAYS, Calendar, check_period, check_week_start

__all__ = ["HOURS", "MONTHS", "WEEKDAYS", "Calendar", "check_period", "check_week_start"]

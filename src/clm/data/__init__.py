"""What methods take: small containers of read-only arrays that validate once."""

from clm.data._cells import NANO
from clm.data._dropped import dropped_field
from clm.data._durations import Durations
from clm.data._moment import describe, parse_start, parse_through, parsed, refuse_late_start
from clm.data._period import HOURS, MONTHS, WEEKDAYS, Calendar, check_period, check_week_start
from clm.data._rfm import RFM, Holdout
from clm.data._time import DAYS, Discount, days_in
from clm.data._zone import DAY, HOUR, MISSING, SECOND, Zone

__all__ = [
    "DAY",
    "DAYS",
    "HOUR",
    "HOURS",
    "MISSING",
    "MONTHS",
    "NANO",
    "RFM",
    "SECOND",
    "WEEKDAYS",
    "Calendar",
    "Discount",
    "Durations",
    "Holdout",
    "Zone",
    "check_period",
    "check_week_start",
    "days_in",
    "describe",
    "dropped_field",
    "parse_start",
    "parse_through",
    "parsed",
    "refuse_late_start",
]

"""What methods take: small containers of read-only arrays that validate once."""

from clm.data._durations import Durations
from clm.data._rfm import RFM, Holdout
from clm.data._time import DAYS, Discount, days_in

__all__ = ["DAYS", "RFM", "Discount", "Durations", "Holdout", "days_in"]

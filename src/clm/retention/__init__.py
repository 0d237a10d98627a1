"""Who comes back: definitions and tables of retention."""

from clm.retention._definition import RetentionDefinition
from clm.retention._table import COMPLETE, IN_PROGRESS, UNOBSERVED, RetentionTable

__all__ = ["COMPLETE", "IN_PROGRESS", "UNOBSERVED", "RetentionDefinition", "RetentionTable"]

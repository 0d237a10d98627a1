"""The edge where any dataframe comes in, and results go out as one."""

from clm.frames._source import Source

__all__ = ["Source"]

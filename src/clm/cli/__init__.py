"""The command line, as ``clm`` and ``python -m clm``."""

from clm.cli._main import main

__all__ = ["main"]

"""Results as JSON text and back: no pickle, nothing that could run code."""

from clm.persist._json import from_json, to_json

__all__ = ["from_json", "to_json"]

"""Methods as choices in five slots. Other code uses `load_method` and `Tokens`. Symbols: docs/notation.md."""

from steer.methods.load import load_method, method_names
from steer.methods.method import Method, Output
from steer.methods.tokens import Tokens

__all__ = ["Method", "Output", "Tokens", "load_method", "method_names"]

"""Grade mathematical answers: `verify_math`, and `MathVerifier` for many pairs. Cheap to import.

The names are loaded at their first use, because the workers need only the comparison and start sooner without
the phrases that extraction compiles.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steer.verify.math.extract import Reading
    from steer.verify.math.verifier import Accept, MathVerdict, MathVerifier, verify_math

__all__ = ["Accept", "MathVerdict", "MathVerifier", "Reading", "verify_math"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'extract' if name == 'Reading' else 'verifier'}"), name)

"""Grade mathematical answers: `verify_math`, and `MathVerifier` for many pairs. Cheap to import."""

from steer.verify.math.extract import Reading
from steer.verify.math.verifier import Accept, MathVerdict, MathVerifier, verify_math

__all__ = ["Accept", "MathVerdict", "MathVerifier", "Reading", "verify_math"]

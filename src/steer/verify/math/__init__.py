"""Grading of mathematical answers: `verify_math`, and `MathVerifier` for many pairs. Importing this is cheap."""

from steer.verify.math.verifier import MathVerdict, MathVerifier, verify_math

__all__ = ["MathVerdict", "MathVerifier", "verify_math"]

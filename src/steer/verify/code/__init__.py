"""Judge untrusted programs in isolation: a candidate returns plain data, which another process compares."""

from steer.verify.code.extract import extract_program
from steer.verify.code.program import CodeVerdict, Program
from steer.verify.code.sandbox import Sandbox

__all__ = ["CodeVerdict", "Program", "Sandbox", "extract_program"]

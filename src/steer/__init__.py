"""Reproduction and benchmark harness for entropy interventions in RLVR."""

__version__ = "0.1.0"

"""The evaluation benchmarks: readers of their rows, prompts, and one loader for all data sets."""

from steer.data.benchmarks.load import load_benchmark, load_set
from steer.data.benchmarks.source import Item, content_hash

__all__ = ["Item", "content_hash", "load_benchmark", "load_set"]

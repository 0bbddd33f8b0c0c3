"""The evaluation benchmarks: a table of sources, and one loader for all of them."""

from steer.data.benchmarks.load import benchmark_source, load_benchmark
from steer.data.benchmarks.source import BenchmarkSource, Copy, Item, content_hash
from steer.data.benchmarks.table import BENCHMARKS

__all__ = ["BENCHMARKS", "BenchmarkSource", "Copy", "Item", "benchmark_source", "content_hash", "load_benchmark"]

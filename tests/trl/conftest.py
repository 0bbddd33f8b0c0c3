"""TRL asks whether vLLM is installed, and would take the folder tests/vllm for it."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != TESTS]

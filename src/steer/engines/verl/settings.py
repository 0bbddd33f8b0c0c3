"""Our settings inside a verl run: the `steer` node of its configuration, and the files next to its checkpoints."""

from typing import Any

from steer.methods import Method, load_method

METRICS_FILE = "steer_metrics.jsonl"
METHOD_FILE = "steer_method.json"


def bound_method(run: dict[str, Any]) -> Method:
    """Make the method that the node `steer` describes: every slot with every parameter."""
    method = load_method(run["method"], run["slots"])
    method.label = run["label"]
    return method

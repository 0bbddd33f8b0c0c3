"""Accuracy, avg@k and pass@k by this project's verifiers, as a metric of the `evaluate` library.

    import evaluate
    metric = evaluate.load("src/steer/analyse/steer_accuracy")
    metric.compute(predictions=[["\\\\boxed{7}", "8"]], references=["7"], k=[1, 2])

A prediction is the list of a question's responses (k of them for avg@k), a reference its gold answer. Verdicts
come from `steer verify math`, statistics are those of the tables; unverifiable samples enter no mean.
"""

import datasets
import evaluate

from steer.analyse.statistics import average_at_k, pass_at_k
from steer.verify.math import MathVerifier

DESCRIPTION = "Accuracy (avg@k, with its standard error clustered by question) and unbiased pass@k."
INPUTS = """
Args:
    predictions: for each question the list of its responses (str).
    references: for each question its gold answer (str).
    k: the values of k for avg@k and pass@k (default: 1); a question with fewer verified samples is left out of pass@k.
Returns:
    accuracy: mean over questions of the share of correct responses; accuracy_stderr: its standard error;
    avg@<k>: the same over each question's first k responses (NaN where one has fewer); pass@<k>: unbiased, from all
    responses; unverifiable: how many responses could not be judged.
"""


class SteerAccuracy(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Sequence(datasets.Value("string")), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation="", inputs_description=INPUTS, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[list[str]], references: list[str], k: list[int] | None = None) -> dict:
        pairs = [
            (gold, response, None) for gold, group in zip(references, predictions, strict=True) for response in group
        ]
        with MathVerifier() as verifier:
            verdicts = iter(verifier.verify(pairs))
        groups = [[next(verdicts).verdict for _ in group] for group in predictions]
        correct, verified = _counts(groups)
        mean = average_at_k([correct], [verified])
        values = {"accuracy": mean.value, "accuracy_stderr": mean.se}
        for size in k or [1]:
            first_correct, first_verified = _counts([group[:size] for group in groups])
            whole = all(len(group) >= size for group in groups)
            values[f"avg@{size}"] = average_at_k([first_correct], [first_verified]).value if whole else float("nan")
            scores = [pass_at_k(n, c, size) for n, c in zip(verified, correct, strict=True) if n >= size]
            values[f"pass@{size}"] = sum(scores) / len(scores) if scores else float("nan")
        return {**values, "unverifiable": sum(group.count("unverifiable") for group in groups)}


def _counts(groups: list[list[str]]) -> tuple[list[int], list[int]]:
    """Count correct and judged responses per question."""
    correct = [group.count("correct") for group in groups]
    return correct, [len(group) - group.count("unverifiable") for group in groups]

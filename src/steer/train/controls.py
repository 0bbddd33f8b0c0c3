"""Training problems with wrong labels: the control that rewards other problems' answers."""

import json
from collections import defaultdict
from dataclasses import replace

import torch

from steer.data.problem import Problem
from steer.methods.rewards import wrong_labels


def with_wrong_labels(problems: list[Problem], seed: int) -> list[Problem]:
    """Give each problem the gold answer or tests of another problem of its family; the seed determines the labels.

    Answers keep their type, so that the reward for a wrong label is as easy to get as for a correct one.
    """
    families = defaultdict(list)
    for index, problem in enumerate(problems):
        families[problem.benchmark].append(index)
    generator = torch.Generator().manual_seed(seed)
    relabelled = list(problems)
    for members in families.values():
        labels = wrong_labels([_label(problems[i]) for i in members], generator)
        for index, label in zip(members, labels, strict=True):
            relabelled[index] = replace(problems[index], **json.loads(label))
    return relabelled


def _label(problem: Problem) -> str:
    return json.dumps({"gold": problem.gold, "tests": problem.tests}, sort_keys=True)

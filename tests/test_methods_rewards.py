"""Control rewards, the over-long penalty, dynamic sampling and RLRT's teacher."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steer.errors import UserError
from steer.methods.rewards import format_rewards, overlong_penalty, random_rewards, wrong_labels
from steer.methods.sampling import informative_groups
from steer.methods.teacher import choose_teachers, teacher_prompt


def test_overlong_penalty_pinned():
    lengths = torch.tensor([0, 16384, 18432, 20480, 30000])
    assert overlong_penalty(lengths, limit=20480, buffer=4096).tolist() == [0, 0, -0.5, -1, -1]
    with pytest.raises(UserError, match="buffer 5 must be in"):
        overlong_penalty(lengths, limit=4, buffer=5)


def test_random_rewards_are_reproducible_coins():
    def draw(seed):
        return random_rewards(2000, 1.0, -1.0, torch.Generator().manual_seed(seed))

    first = draw(0)
    assert torch.equal(first, draw(0)) and not torch.equal(first, draw(1))
    assert set(first.tolist()) == {1.0, -1.0} and abs(first.mean().item()) < 0.1


def test_format_rewards_see_format_alone():
    responses = [r"so \boxed{wrong}", "the answer is 4", "```python\npass\n```", "```python\npass"]
    assert format_rewards(responses, "math", 1, -1).tolist() == [1, -1, -1, -1]
    assert format_rewards(responses, "code", 1, 0).tolist() == [0, 0, 1, 0]
    with pytest.raises(UserError, match="'prose' is neither"):
        format_rewards(responses, "prose", 1, 0)


@given(st.lists(st.sampled_from("abcd"), min_size=2), st.integers(0, 99))
def test_wrong_labels_are_wrong_answers_of_others(answers, seed):
    if len(set(answers)) == 1:
        with pytest.raises(UserError, match="all answers are the same"):
            wrong_labels(answers, torch.Generator().manual_seed(seed))
        return
    labels = wrong_labels(answers, torch.Generator().manual_seed(seed))
    assert all(label != answer and label in answers for label, answer in zip(labels, answers, strict=True))
    assert labels == wrong_labels(answers, torch.Generator().manual_seed(seed))


def test_informative_groups():
    rewards = torch.tensor([1.0, 1, 0, 1, 0, math.nan, math.nan, math.nan])
    group = torch.tensor([7, 7, 3, 3, 5, 5, 9, 9])
    assert informative_groups(rewards, group) == [3]


def test_teachers_are_correct_others_of_the_group():
    correct = torch.tensor([True, False, True, False, True, False])
    group = torch.tensor([0, 0, 0, 1, 2, 2])
    for seed in range(10):
        teachers = choose_teachers(correct, group, torch.Generator().manual_seed(seed)).tolist()
        assert teachers[0] == 2 and teachers[1] in (0, 2) and teachers[2] == 0  # never itself
        assert teachers[3] == -1 and teachers[4] == -1 and teachers[5] == 4


def test_teacher_prompt_holds_the_solution_between_two_statements_of_the_problem():
    prompt = teacher_prompt("What is 2+2?", "It is 4.")
    assert prompt.count("What is 2+2?") == 2 and prompt.index("It is 4.") < prompt.rindex("What is 2+2?")

"""Rewards beside the verifier's, and which groups a step trains on."""

import math
import threading
import time
from dataclasses import replace

import pytest
import torch
from training import SMALL, TRAINING, ParityVerifier, trainer

from steer.configs.schema import Reward
from steer.data.tasks import distinct_problems
from steer.engines.sampling import Completion
from steer.models.forward import Sequences
from steer.models.load import new_model
from steer.models.tokenizer import character_tokenizer
from steer.train.controls import with_wrong_labels
from steer.train.dynamic import collect, group_of, joined
from steer.train.rollouts import Judging, Rollouts, assemble, judged, penalised, rewards_of
from steer.verify.responses import Verdict, Verifier

CORRECT, WRONG = Verdict("correct", "1", "", 0.0), Verdict("wrong", "2", "", 0.0)
FAILED = Verdict("unverifiable", None, "died", 0.0)


def given(reward, verdicts, texts=None, seed=0):
    n = len(verdicts)
    problems = distinct_problems("sums", "train", 0, n)
    generator = torch.Generator().manual_seed(seed)
    return rewards_of(problems, texts or [""] * n, verdicts, reward, generator).tolist()


def test_verified_rewards_follow_the_verdict():
    rewards = given(Reward(correct=2, wrong=-0.5), [CORRECT, WRONG, FAILED])
    assert rewards[:2] == [2.0, -0.5]
    assert math.isnan(rewards[2])


def test_a_coin_does_not_know_the_verdict_but_masks_what_could_not_be_judged():
    verdicts = [CORRECT, WRONG] * 300 + [FAILED]
    rewards = given(Reward(kind="random"), verdicts)
    assert given(Reward(kind="random"), verdicts)[:-1] == rewards[:-1]
    assert math.isnan(rewards[-1])
    right, wrong = rewards[:-1:2], rewards[1:-1:2]
    assert set(right) == set(wrong) == {1.0, -1.0}
    assert abs(sum(right) - sum(wrong)) / 300 < 0.3


def test_the_format_reward_asks_for_a_box_alone():
    rewards = given(Reward(kind="format"), [WRONG, CORRECT], texts=["\\boxed{0}", "the right answer, unboxed"])
    assert rewards == [1.0, -1.0]


def test_the_overlong_penalty_is_added_to_the_reward():
    rollouts = round_of([EQUAL, SPREAD], 1)  # of 2, 3, 1 and 2 tokens
    assert penalised(rollouts, Reward(), 3) is rollouts
    assert penalised(rollouts, Reward(overlong_buffer=2), 3).rewards.tolist() == [0.5, 0.0, 1.0, -1.5]


def test_a_group_whose_lengths_alone_differ_is_not_chosen_by_dynamic_sampling(tmp_path):
    """All of its responses are wrong, some are over-long: DAPO leaves it out."""
    tokenizer = character_tokenizer()
    model, problems = new_model(SMALL, tokenizer, seed=0), distinct_problems("sums", "train", 0, 20)
    training = TRAINING.model_copy(update={"steps": 1, "rollouts": 24, "dynamic_sampling": 3})
    rounds = []

    class AllWrong(ParityVerifier):
        def verify(self, problems, texts):
            rounds.extend(texts)
            return [WRONG] * len(texts)

    run = trainer(model, tokenizer, problems, tmp_path, training=training, verifier=AllWrong)
    run.reward = Reward(overlong_buffer=6)
    (line,) = run.run()
    assert len(rounds) == 3 * training.prompts * training.rollouts
    assert line["reward"] < -1


@pytest.mark.parametrize("family", ["sums", "intervals", "lists"])
def test_wrong_labels_reject_the_right_answer_and_are_reproducible(family):
    problems = distinct_problems(family, "train", 0, 30)
    relabelled = with_wrong_labels(problems, seed=1)
    assert relabelled == with_wrong_labels(problems, seed=1)
    assert [p.prompt for p in relabelled] == [p.prompt for p in problems]
    with Verifier() as verifier:
        verdicts = verifier.verify(relabelled, [p.solution for p in problems])
    assert {v.verdict for v in verdicts} == {"wrong"}


def round_of(rewards_by_group, marker):
    """Rollouts of two responses a group, whose texts say which round and group they are of."""
    n = len(rewards_by_group)
    lengths = [1 + (i + marker) % 3 for i in range(2 * n)]
    sequences = Sequences.from_lists([[5, 6]] * 2 * n, [[marker] * length for length in lengths], 0)
    rewards = torch.tensor([r for pair in rewards_by_group for r in pair])
    problems = [p for p in distinct_problems("sums", "train", marker, n) for _ in range(2)]
    texts = [f"{marker}.{i // 2}" for i in range(2 * n)]
    verdicts = [CORRECT if r > 0 else WRONG for r in rewards.tolist()]
    truncated = torch.zeros(2 * n, dtype=torch.bool)
    engine = sequences.mask * float(marker)
    return Rollouts(
        sequences,
        truncated,
        engine,
        engine / 2,
        problems=problems,
        texts=texts,
        verdicts=verdicts,
        rewards=rewards,
        group=torch.arange(n).repeat_interleave(2),
    )


EQUAL, SPREAD = (1.0, 1.0), (1.0, -1.0)


def test_without_dynamic_sampling_a_round_is_taken_as_it_is():
    rollouts = round_of([EQUAL, SPREAD], 1)
    assert collect(2, 1, lambda attempt: rollouts) is rollouts


def test_rounds_go_on_until_enough_groups_differ():
    rounds = [round_of([EQUAL, SPREAD, EQUAL], 1), round_of([SPREAD, SPREAD, SPREAD], 2), None]
    found = collect(3, 3, lambda attempt: rounds[attempt])
    assert found.texts == ["1.1", "1.1", "2.0", "2.0", "2.1", "2.1"]
    assert found.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.rewards.tolist() == [1, -1] * 3
    marks = found.sequences.responses[found.sequences.mask]
    assert marks.tolist() == [
        m for m, n in zip([1, 1, 2, 2, 2, 2], found.sequences.lengths.tolist(), strict=True) for _ in range(n)
    ]
    assert torch.equal(found.engine_logprob[found.sequences.mask], marks.float())


def test_when_rounds_run_out_the_last_one_fills_up():
    rounds = [round_of([EQUAL, SPREAD], 1), round_of([EQUAL, EQUAL], 2)]
    found = collect(3, 2, lambda attempt: rounds[attempt])
    assert found.texts == ["1.1", "1.1", "2.0", "2.0", "2.1", "2.1"]


def test_groups_taken_apart_and_joined_are_what_they_were():
    rollouts = round_of([EQUAL, SPREAD, SPREAD], 1)
    again = joined([group_of(rollouts, g) for g in range(3)])
    assert again.texts == rollouts.texts
    assert torch.equal(again.sequences.tokens, rollouts.sequences.tokens)
    assert torch.equal(again.engine_logprob, rollouts.engine_logprob)
    assert torch.equal(again.engine_entropy, rollouts.engine_entropy)


def completions(texts, tokenizer):
    """One group of responses with these texts."""
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    return [Completion(row, [-1.0] * len(row), "stop", [0.5] * len(row)) for row in ids]


class Listed:
    """In the verifier's place: what it was asked."""

    def __init__(self, seconds=0.0):
        self.asked, self.seconds = [], seconds

    def verify(self, problems, texts):
        time.sleep(self.seconds)
        self.asked.append([(p.id, text) for p, text in zip(problems, texts, strict=True)])
        return [Verdict("correct" if text == "b" else "wrong", text, "", 0.0) for text in texts]


def test_responses_that_ended_at_different_times_get_the_verdicts_and_rewards_of_their_own():
    tokenizer, problems, verifier = character_tokenizer(), distinct_problems("sums", "train", 0, 2), Listed()
    flat = completions(["a", "b", "bb", "b"], tokenizer)
    with Judging(problems, 2, tokenizer, verifier) as judging:
        for places in ([3], [0, 2], [1]):
            judging.ended(places, [flat[place] for place in places])
        sampled = assemble([[5], [6]], [flat[:2], flat[2:]], 0)
        rollouts = judged(sampled, judging, 2, Reward(), torch.Generator())
    first, second = (problem.id for problem in problems)
    assert verifier.asked == [[(second, "b")], [(first, "a"), (second, "bb")], [(first, "b")]]
    assert rollouts.texts == ["a", "b", "bb", "b"]
    assert rollouts.rewards.tolist() == [-1.0, 1.0, -1.0, 1.0]
    assert rollouts.group.tolist() == [0, 0, 1, 1]
    assert [p.id for p in rollouts.problems] == [first, first, second, second]
    mask = rollouts.sequences.mask
    assert torch.equal(rollouts.engine_entropy, 0.5 * mask) and torch.equal(rollouts.engine_logprob, -1.0 * mask)


def test_the_verifier_works_while_others_are_still_sampled_and_its_failure_is_not_lost():
    """What is asked first is answered before the last response has ended."""
    answered = threading.Event()

    class Tells(Listed):
        def verify(self, *asked):
            found = super().verify(*asked)
            answered.set()
            return found

    class Fails:
        def verify(self, *asked):
            raise RuntimeError("the verifier died")

    tokenizer, problems = character_tokenizer(), distinct_problems("sums", "train", 0, 1)
    flat = completions(["a", "b"], tokenizer)
    with Judging(problems, 2, tokenizer, Tells()) as judging:
        judging.ended([1], flat[1:])
        assert answered.wait(30)
        judging.ended([0], flat[:1])
        assert judging.result()[0] == ["a", "b"]
    with Judging(problems, 2, tokenizer, Fails()) as judging:
        judging.ended([0, 1], flat)
        with pytest.raises(RuntimeError, match="the verifier died"):
            judging.result()


@pytest.mark.parametrize(("limit", "said"), [(0.01, True), (600, False), (None, False)])
def test_a_round_whose_verdicts_take_long_has_all_of_them_and_a_line_says_so(capsys, limit, said):
    tokenizer, problems, verifier = character_tokenizer(), distinct_problems("sums", "train", 0, 1), Listed(0.02)
    flat = completions(["a", "b"], tokenizer)
    with Judging(problems, 2, tokenizer, verifier) as judging:
        judging.ended([0], flat[:1])
        judging.ended([1], flat[1:])
        sampled = assemble([[5]], [flat], 0)
        rollouts = judged(sampled, judging, 2, Reward(code_batch_limit_s=limit), torch.Generator())
    assert rollouts.rewards.tolist() == [-1.0, 1.0]
    assert ("reward.verifier_workers" in capsys.readouterr().err) == said


def test_an_engine_that_tells_no_entropies_leaves_none():
    tokenizer = character_tokenizer()
    told, *others = completions(["a", "b"], tokenizer)
    assert assemble([[5]], [[told, replace(others[0], entropies=None)]], 0).engine_entropy is None

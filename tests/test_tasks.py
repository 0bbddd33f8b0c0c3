"""The synthetic families: right by their own verifier, split without overlap, reproducible, corrupted as stated."""

from itertools import islice
from random import Random

import pytest

from steer import cli
from steer.data.tasks import FAMILIES, distinct_problems, make_problems
from steer.data.tasks.noise import corrupt, noisy_solution
from steer.errors import UserError
from steer.verify.responses import Verifier


@pytest.fixture(scope="module")
def problems():
    return {name: distinct_problems(name, "evaluation", 0, 64) for name in FAMILIES}


def test_every_reference_solution_is_correct_and_most_corrupted_ones_are_not(problems):
    flat = [p for chosen in problems.values() for p in chosen[:24]]
    rng = Random(0)
    some = flat[::2]
    damaged = [corrupt(p.solution, rng) for p in some]
    assert all(a != p.solution for a, p in zip(damaged, some, strict=True))
    with Verifier(workers=2) as verifier:
        right = verifier.verify(flat, [p.solution for p in flat])
        wrong = verifier.verify(some, damaged)
    assert [p.id for p, v in zip(flat, right, strict=True) if v.verdict != "correct"] == []
    assert {v.verdict for v in wrong} <= {"correct", "wrong"}
    # A corrupted step of the working leaves the answer right; a corrupted answer or program rarely is.
    share = sum(v.verdict == "wrong" for v in wrong) / len(wrong)
    assert 0.3 < share < 0.9


def test_there_are_fourteen_families_of_mathematics_and_four_of_programs(problems):
    kinds = [chosen[0].kind for chosen in problems.values()]
    assert (kinds.count("math"), kinds.count("code")) == (14, 4)
    assert all(len(chosen) == 64 for chosen in problems.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_training_and_evaluation_share_no_question(family):
    training = {p.prompt for p in islice(make_problems(family, "train", 0), 3000)}
    training |= {p.prompt for p in islice(make_problems(family, "train", 7), 3000)}
    assert not training & {p.prompt for p in distinct_problems(family, "evaluation", 3, 64)}


def test_every_step_of_a_chain_follows_from_the_one_before(problems):
    """Each starts from the last one's value, does the question's next operation, and is right modulo ten."""
    for problem in problems["chains"]:
        value, *asked = problem.prompt.removesuffix(" mod 10").split(",")
        steps = problem.solution.split(";")[0].split(",")
        for step, operation in zip(steps, asked, strict=True):
            done, _, result = step.partition("=")
            assert done == value + operation
            left, sign, right = done
            wanted = {"+": int(left) + int(right), "-": int(left) - int(right), "*": int(left) * int(right)}[sign]
            assert int(result) == wanted % 10
            value = result
        assert value == problem.gold
        assert 4 <= len(steps) <= 6


def test_the_same_seed_gives_the_same_problems_and_another_does_not():
    first, again, other = (distinct_problems("sums", "train", seed, 20) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_hidden_cases_tell_programs_apart(problems):
    """No case list is so short of variety that a constant program passes it."""
    for name in ("examples", "descriptions", "lists"):
        outputs = [{str(case["expected"]) for case in p.tests["cases"]} for p in problems[name]]
        assert sum(len(values) > 1 for values in outputs) > 0.9 * len(outputs)


def test_noise_and_direct_shares_are_what_was_asked():
    rng = Random(0)
    chosen = list(islice(make_problems("sums", "train", 0), 2000))
    plain = [noisy_solution(p, rng, noise=0.0, direct=0.25) for p in chosen]
    direct = sum(text == f"\\boxed{{{p.gold}}}" for text, p in zip(plain, chosen, strict=True))
    noisy = [noisy_solution(p, rng, noise=0.4, direct=0.0) for p in chosen]
    changed = sum(text != p.solution for text, p in zip(noisy, chosen, strict=True))
    assert abs(direct / 2000 - 0.25) < 0.05
    assert abs(changed / 2000 - 0.4) < 0.05


def test_corruption_changes_one_symbol_into_another_of_its_kind():
    rng = Random(0)
    for _ in range(50):
        text = corrupt("3+4=7;\\boxed{7}", rng)
        changes = [(a, b) for a, b in zip("3+4=7;\\boxed{7}", text, strict=True) if a != b]
        assert len(changes) == 1
        assert all(a.isdigit() and b.isdigit() for a, b in changes)
    assert corrupt("max(v)", rng) == "max(v)"


def test_an_unknown_family_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'sums'"):
        next(make_problems("summs", "train", 0))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data.benchmarks=[summs]", "key `data.benchmarks`: no synthetic family 'summs'; did you mean 'sums'"),
        ("data.benchmarks=[gsm8k]", "no synthetic family 'gsm8k'; write `data.source: benchmarks` for it"),
        ("data={source: benchmarks, benchmarks: [sums]}", "no benchmark 'sums'; write `data.source: synthetic` for it"),
        ("evaluation.samples={sum: 32}", "key `evaluation.samples`: no benchmark 'sum'; did you mean 'sums'"),
    ],
)
def test_a_misspelt_benchmark_is_said_before_anything_runs(change, said, capsys):
    """Else `default` would stand in for its number of samples."""
    assert cli.main(["config", "--config", "configs/nano.yaml", "--set", change]) == 2
    assert said in capsys.readouterr().err
    assert cli.main(["config", "--config", "configs/nano.yaml", "--set", "evaluation.samples={aime24: 32}"]) == 0

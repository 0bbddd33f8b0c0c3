"""How sequences are put together into passes: every one once, within its limits, and processes with equal shares."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steer.models.forward import Sequences
from steer.models.packing import Entering, balanced, in_order, in_rounds
from steer.models.shared import layout_of

# Two prompts of 4 and 2 tokens, the first with three responses.
FEW = Entering(own=[3, 5, 2, 6], prompt=[4, 4, 4, 2], owner=[0, 0, 0, 1])


def test_a_prompt_counts_once_in_a_pass():
    assert FEW.tokens([0, 1, 2]) == 4 + 3 + 5 + 2
    assert FEW.tokens([2, 3]) == 4 + 2 + 2 + 6
    assert in_order(FEW, size=4, budget=14) == [[0, 1, 2], [3]]
    assert in_order(FEW, size=2, budget=14) == [[0, 1], [2, 3]]
    assert in_order(FEW, size=4, budget=1) == [[0], [1], [2], [3]], "a longer one is a pass of its own"


def test_tokens_are_those_that_enter():
    """As many as the row of the shared forward pass has."""
    prompts = [[1, 2, 3], [1, 2, 3], [1, 2], [1, 2, 3]]
    sequences = Sequences.from_lists(prompts, [[5] * n for n in (4, 1, 7, 2)], pad=0)
    entering = Entering.of(sequences)
    for rows in ([0, 1], [0, 2, 3], [2], [0, 1, 2, 3]):
        assert entering.tokens(rows) == len(layout_of(sequences.rows(torch.tensor(rows))).tokens)


groups = st.lists(
    st.tuples(st.integers(1, 40), st.lists(st.integers(0, 90), min_size=1, max_size=9)), min_size=1, max_size=9
)


@settings(max_examples=40, deadline=None)
@given(groups, st.integers(1, 12), st.one_of(st.none(), st.integers(1, 400)), st.integers(1, 5))
def test_every_sequence_is_in_one_pass_within_the_limits(drawn, size, budget, processes):
    rows = [(prompt, n, owner) for owner, (prompt, lengths) in enumerate(drawn) for n in lengths]
    entering = Entering(*(list(column) for column in zip(*((n, p, o) for p, n, o in rows), strict=True)))
    rounds = in_rounds(entering, size, budget, processes)
    assert all(len(together) == processes for together in rounds)
    passes = [rows for together in rounds for rows in together]
    for found in ([rows for rows in passes if rows], in_order(entering, size, budget)):
        assert sorted(itertools.chain(*found)) == list(range(len(rows)))
        for chosen in found:
            assert len(chosen) <= size
            assert chosen == sorted(chosen), "those to one prompt stand side by side"
            assert budget is None or len(chosen) == 1 or entering.tokens(chosen) <= budget


def test_equal_shares_where_they_exist():
    """Twelve responses of 1 to 6 tokens to one prompt of 0: the sum is 42, and 14 each is possible."""
    entering = Entering([1, 2, 3, 4, 5, 6] * 2, [0] * 12, [0] * 12)
    assert [entering.tokens(rows) for rows in balanced(entering, 3, 12, None)] == [14, 14, 14]


@pytest.mark.parametrize("spread", [0.4, 0.8])
def test_processes_have_equal_work(spread):
    """An update of the papers: 32 prompts with 8 responses each on 8 processes. Efficiency: tokens that must enter at
    least over what processes pass or wait for."""
    generator = torch.Generator().manual_seed(0)
    own = (6.8 + spread * torch.randn(256, generator=generator)).exp().clamp(2, 3072).int().tolist()
    prompt = torch.randint(60, 400, (32,), generator=generator).repeat_interleave(8).tolist()
    owner = [i // 8 for i in range(256)]
    entering = Entering(own, prompt, owner)
    rounds = in_rounds(entering, 256, 16_384, 8)
    spent = 8 * sum(max(map(entering.tokens, together)) for together in rounds)
    assert entering.tokens(list(range(256))) / spent > 0.95
    assert 8 * 16_384 * (len(rounds) - 1) < 1.05 * entering.tokens(list(range(256))), "no round more than needed"

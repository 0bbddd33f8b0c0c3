"""One training step on this CPU: counted operations, bytes and calls of our own layers, over measured rates.

Bytes and calls of the layers and the decoder are read off torch's operations in `steer.models.lean` and
`steer.engines.decoder`, fp32.
"""

import math

from steer.configs.schema import Config, Training
from steer.plan import cost
from steer.plan.assumed import Assumptions
from steer.plan.cpu_rates import BLOCK, Rates
from steer.plan.facts import Facts
from steer.plan.lengths import Lengths
from steer.plan.passes import Needs
from steer.plan.step import (
    Step,
    idle_share,
    micro_batches,
    prompt,
    responses,
    rounds_of,
    rows_of,
    told_by_engine,
    with_speeds,
)
from steer.plan.work import Part, Rows, layer_products

# Bytes per token and layer for each number of hidden state, queries, keys and MLP, and per attention score.
FORWARD, BACKWARD, DECODED = (44, 127, 46, 26, 17), (139, 133, 68, 60, 16), (83, 23, 53, 21, 28)
# Calls, views included: of a layer and of all else in a pass forward, and forward and backward with the update, each
# with those for every block of responses; of a layer and of all else in a decoding step.
SCORED, LEARNT, DECODING = ((78, 30), (158, 86)), ((203, 79), (1364, 86)), (64, 61)
# Bytes per logit: statistics with the plain head, and with the gradient; the fused head.
PLAIN, FUSED = (64, 204), (72, 116)
# Bytes of an update per parameter, with the gradient's norm and sums.
UPDATED = 44
# A batch shrinks when a quarter of it has ended.
RUNNING = 0.875


def step_on(config: Config, run: str, facts: Facts, assumed: Assumptions, needs: Needs, rates: Rates) -> Step:
    """A step of our trainer with its local engine."""
    training = config.training_for(run)
    rows = rows_of(training, assumed, 1, training.shared_prompts)
    idle, pairs = idle_share(training, assumed), _pairs(training, assumed)
    entering, taught = rows.scaled(1 - idle * needs.idle), rows.scaled((1 - idle) / 2)
    parts = sampled(training, facts, assumed, rates)
    fused = cost.fused(training, facts)
    passed = [rows] * (int(needs.base) + int(not told_by_engine(config, training, needs))) + [taught] * needs.teacher
    for each in passed:
        share, count = each.tokens / rows.tokens, micro_batches(training, each, 1, 1)
        parts += _pass("logprob", facts, each, pairs * share, rates, count, fused, update=False)
    count = micro_batches(training, entering, training.updates, 1)
    share = entering.tokens / rows.tokens
    if needs.statistics and count > training.updates:
        parts += _pass("statistics", facts, entering, pairs * share, rates, count, fused, update=False)
    parts += _pass("update", facts, entering, pairs * share, rates, count, fused, update=True)
    moved = UPDATED * cost.trained_parameters(config, facts) * training.updates
    parts.append(Part("update", "optimizer", moved, "B", rates.memory))
    return Step(with_speeds(parts, assumed), 1)


def sampled(training: Training, facts: Facts, assumed: Assumptions, rates: Rates) -> list[Part]:
    """Sampling with the local engine: all sequences of a round at once."""
    lengths, given, prompts = responses(training, assumed), prompt(training, assumed), training.prompts
    parts = decoded("rollout", facts, lengths, given, prompts, prompts * training.rollouts, rates)
    return [part.times(rounds_of(training, assumed)) for part in parts]


def decoded(
    phase: str, facts: Facts, lengths: Lengths, given: float, prompts: float, sequences: float, rates: Rates
) -> list[Part]:
    """Prefill of `prompts` of `given` tokens, then one step per token for all sequences that still run."""
    products = head = scores = steps = multiplied = logits = 0.0
    n, table, at = layer_products(facts), facts.embedding_parameters, 0.0
    for count, running in lengths.batches(sequences, sequences):
        batch = running if lengths.decay == 0 else min(sequences, running / RUNNING)
        products += 2 * n * batch * count / rates.decoding(batch)
        head += 2 * table * batch * count / rates.decoding(batch, head=True)
        scores += batch * count * (given + at + count / 2)
        steps, multiplied, logits, at = steps + count, multiplied + batch * count, logits + batch * count, at + count
    attention = 4 * facts.query * facts.layers * scores
    cache = 8 * facts.layers * facts.key * sequences * (given + lengths.limit)
    prefilled = Rows(prompts, prompts * given, prompts, prompts * given**2)
    return [
        *_pass(phase, facts, prefilled, prefilled.pairs, rates, 1, True, update=False),
        Part(phase, "products while decoding", 2 * n * multiplied, "FLOP", 2 * n * multiplied / products),
        Part(phase, "head while decoding", 2 * table * multiplied, "FLOP", 2 * table * multiplied / head),
        Part(phase, "attention while decoding", attention, "FLOP", rates.attending),
        Part(phase, "elementwise kernels", _bytes(facts, DECODED, multiplied, scores), "B", rates.memory),
        Part(phase, "sampling", 4 * facts.vocabulary * logits, "B", rates.sampled),
        Part(phase, "new cache", cache, "B", rates.fresh),
        Part(phase, "calls", steps * (DECODING[0] * facts.layers + DECODING[1]), "times", rates.calls),
    ]


def _pairs(training: Training, assumed: Assumptions) -> float:
    """Query–key pairs with the masked ones, which the dense products compute too: rectangles of a response and what
    it sees, as wide as the longest in its block."""
    lengths, given = responses(training, assumed), prompt(training, assumed)
    sequences = training.prompts * training.rollouts
    return sequences * (given * lengths.mean + lengths.square) + training.prompts * given**2


def _pass(
    phase: str, facts: Facts, rows: Rows, pairs: float, rates: Rates, count: float, fused: bool, update: bool
) -> list[Part]:
    """A pass forward, and backward for an `update`."""
    n, table = layer_products(facts), facts.embedding_parameters
    attention, scores = 4 * facts.query * facts.layers * pairs, pairs
    layer = [Part(phase, "products, forward", 2 * n * rows.tokens, "FLOP", rates.forward)]
    head = [Part(phase, "head, forward", 2 * table * rows.predicted, "FLOP", rates.head_forward)]
    moved = _bytes(facts, FORWARD, rows.tokens, scores)
    if update:
        layer.append(Part(phase, "products, backward", 4 * n * rows.tokens, "FLOP", rates.backward))
        head.append(Part(phase, "head, backward", 4 * table * rows.predicted, "FLOP", rates.head_backward))
        moved += _bytes(facts, BACKWARD, rows.tokens, scores)
    logits = (FUSED if fused else PLAIN)[0] if not update else sum(FUSED) if fused else PLAIN[1]
    return [
        *layer,
        *head,
        Part(phase, "attention", attention * (3 if update else 1), "FLOP", rates.attention),
        Part(phase, "elementwise kernels", moved, "B", rates.written if update else rates.memory),
        Part(phase, "statistics of the logits", logits * facts.vocabulary * rows.predicted, "B", rates.memory),
        Part(phase, "calls", count * calls(facts, rows.sequences / count, update), "times", rates.calls),
    ]


def calls(facts: Facts, sequences: float, update: bool) -> float:
    """Calls of one pass of these sequences."""
    (layer, attended), (rest, placed) = LEARNT if update else SCORED
    blocks = max(1, math.ceil(sequences / BLOCK))
    return facts.layers * (layer + attended * blocks) + rest + placed * blocks


def _bytes(facts: Facts, per: tuple[int, int, int, int, int], tokens: float, pairs: float) -> float:
    numbers = facts.hidden, facts.query, facts.key, facts.intermediate
    own = sum(bytes_ * n for bytes_, n in zip(per[:4], numbers, strict=True)) * tokens
    return facts.layers * (own + per[4] * facts.heads * pairs)

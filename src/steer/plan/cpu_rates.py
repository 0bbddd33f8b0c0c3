"""Rates of this CPU, measured in about a second: matrix products of the model's shapes, and what lies between them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

from steer.plan.facts import Facts

# Seconds of measuring each rate, and most rows of a measured product.
_SECONDS, _ROWS = 0.06, 1024
# Sequences of a block of attention, `steer.models.shared`.
BLOCK = 32
# Bytes of weights, and of keys and values, that are multiplied in turn: more than a cache holds.
_COLD = 1 << 26
# Share of a rate measured alone that is reached within a step, where other tensors fill the caches: the mean over the
# models of benchmarks/plan_cpu.py.
REACHED = 0.88
# Calls of `small_layer`, counted by torch.
SMALL_LAYER = 45
# Largest side of a measured matrix.
_WIDE = 4096


@dataclass(frozen=True)
class Rates:
    """Operations per second of products in a layer's forward and backward pass, in decoding for each batch, and in
    attention, of a pass and of decoding; of the head's products likewise. Bytes per second of elementwise kernels, of
    those in a pass that keeps results for its gradient, of memory that is written for the first time, and of logits
    that are sampled from; calls of torch per second."""

    forward: float
    backward: float
    decode: dict[int, float]
    attention: float
    attending: float
    head_forward: float
    head_backward: float
    head_decode: dict[int, float]
    memory: float
    written: float
    fresh: float
    sampled: float
    calls: float

    def decoding(self, batch: float, head: bool = False) -> float:
        """Return the rate for a batch: time is linear in the batch between the measured ones."""
        known = sorted((self.head_decode if head else self.decode).items())
        (low, slow), (high, fast) = known[0], known[-1]
        if low == high:
            return fast
        times = low / slow, high / fast
        return batch / max(times[0] + (batch - low) / (high - low) * (times[1] - times[0]), 1e-12)


def measured(facts: Facts, threads: int, rows: int, batch: int, queries: int, keys: int) -> Rates:
    """Measure with `threads` threads; `rows`: tokens of a training pass, `batch`: sequences decoded at a time;
    `queries`, `keys`: tokens of a response, and with its prompt."""
    import torch

    from steer.engines.local import sample
    from steer.engines.sampling import Sampling
    from steer.models.head import token_statistics

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    # With one thread, other programs' work does not count.
    clock = time.process_time if threads == 1 else time.perf_counter
    rows, few = min(rows, _ROWS), max(1, batch // 8)
    # Wider products are no faster.
    h, query, key, mlp = (min(n, _WIDE) for n in (facts.hidden, facts.query, facts.key, facts.intermediate))
    vocabulary = min(facts.vocabulary, 4 * _WIDE)
    shapes = [(h, query), (h, key), (h, key), (query, h), (h, mlp), (h, mlp), (mlp, h)]

    def rate(action: Callable[[], object], amount: float) -> float:
        return REACHED * amount / _typical(action, clock)

    def products(count: int, shapes: list[tuple[int, int]], backward: bool = False) -> float:
        # The weights of several layers in turn, as a step finds them: not those that a cache still holds.
        weights = 4 * sum(i * o for i, o in shapes)
        copies = max(1, min(facts.layers, _COLD // weights)) if len(shapes) > 1 else 1
        given = [(torch.randn(count, i), torch.randn(o, i), torch.randn(count, o)) for i, o in shapes]
        layers = cycle([tuple(tensor.clone() for tensor in one) for one in given] for _ in range(copies))

        def act() -> None:
            for states, weight, gradient in next(layers):
                if backward:
                    gradient @ weight
                    gradient.t() @ states
                else:
                    torch.nn.functional.linear(states, weight)

        return rate(act, (4 if backward else 2) * count * sum(i * o for i, o in shapes))

    head = [(h, vocabulary)]
    # A block of the head's logits at a time.
    predicted = max(1, min(rows, (1 << 22) // vocabulary))
    size, together = facts.head_size, facts.heads // facts.kv_heads

    def attention(sequences: int, heads: int, asking: int, cached: bool) -> float:
        """The two products of a block of sequences; `cached`: keys and values are part of a cache, layer by layer."""
        held = keys + (queries if cached else 0)
        sequences = max(1, min(sequences, _COLD // (4 * heads * max(asking, size) * held)))
        query, scores = torch.randn(sequences, heads, asking, size), torch.randn(sequences, heads, asking, keys)
        behind = torch.randn(sequences, heads, held, size)
        copies = max(1, min(facts.layers, _COLD // (8 * behind.numel()))) if cached else 1
        layers = cycle([(behind.clone()[:, :, :keys], behind.clone()[:, :, :keys]) for _ in range(copies)])

        def act() -> None:
            known, mixed = next(layers)
            torch.matmul(query, known.transpose(2, 3))
            torch.matmul(scores, mixed)

        return rate(act, 4 * sequences * heads * asking * keys * size)

    wide = torch.randn(rows, mlp), torch.randn(rows, mlp)
    order, width = torch.randperm(rows), mlp // 2 * 2

    kept: list[torch.Tensor] = []
    passes = max(1, _COLD // (4 * rows * mlp))

    def elementwise() -> None:
        torch.nn.functional.silu(wide[0] * wide[1])
        wide[0].index_select(0, order)
        wide[1][:, :width].view(rows, 2, -1).transpose(0, 1).contiguous()
        torch.softmax(wide[0], 1)

    def keeping() -> None:
        # Some results wait for the one backward, so that the next ones are written to new memory.
        if len(kept) == passes:
            kept.clear()
        kept.append(wide[0] * wide[1])
        elementwise()
        torch.ops.aten.silu_backward(wide[0], wide[1])

    logits, uniform, sampling = torch.randn(batch, vocabulary), torch.rand(batch), Sampling()

    def sampled() -> None:
        token_statistics(logits, sample(logits, uniform, sampling)[0], 1.0)

    found = Rates(
        forward=products(rows, shapes),
        backward=products(rows, shapes, backward=True),
        decode={count: products(count, shapes) for count in {few, batch}},
        attention=attention(min(batch, BLOCK), facts.heads, queries, cached=False),
        attending=attention(batch, facts.kv_heads, together, cached=True),
        head_forward=products(predicted, head),
        head_backward=products(predicted, head, backward=True),
        head_decode={count: products(count, head) for count in {few, batch}},
        # Bytes a number: 12 of a product and of SiLU's gradient, 8 of each other kernel.
        memory=rate(elementwise, 44.0 * rows * mlp),
        written=rate(keeping, 68.0 * rows * mlp),
        fresh=rate(lambda: torch.ones(_COLD // 4), 1.0 * _COLD),
        sampled=rate(sampled, 4.0 * logits.numel()),
        calls=rate(small_layer(), SMALL_LAYER),
    )
    torch.set_num_threads(before)
    return found


def small_layer() -> Callable[[], None]:
    """Return a function of `SMALL_LAYER` calls of torch on numbers so few that only the calls take time: as a layer
    makes, among them views and products."""
    import torch
    from torch.nn.functional import linear, rms_norm, silu

    given, norm, cache = torch.randn(4, 4), torch.ones(4), torch.zeros(4, 2, 8, 2)

    def act() -> None:
        h = rms_norm(given, (4,), norm, 1e-6)
        query, key = linear(h, given).view(4, 2, 1, 2), linear(h, given).view(4, 2, 1, 2)
        cache[:, :, 3] = key[:, :, 0]
        weights = torch.softmax(torch.matmul(query, cache[:, :, :4].transpose(2, 3)).mul_(0.5), dim=-1)
        mixed = torch.matmul(weights, cache[:, :, :4]).view(4, -1)
        x = given + linear(mixed, given)
        x + linear(silu(linear(x, given)).mul_(linear(x, given)), given)

    return act


def _typical(action: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the median seconds of a call within the time to measure."""
    action()
    found, started = [], clock()
    while clock() - started < _SECONDS or not found:
        begun = clock()
        action()
        found.append(clock() - begun)
    return max(statistics.median(found), 1e-9)

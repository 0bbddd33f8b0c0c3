"""Counted work of a training step on one GPU: operations and bytes of the parts of a pass.

Layers are those of transformers' modules, one kernel an operation. Symbols: docs/scaling.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from steer.plan.facts import Facts
from steer.plan.lengths import Lengths
from steer.plan.rates import EFFICIENCIES, FIXED, Gpu

# Bytes per token and layer of a bf16 layer's elementwise kernels, for each number of the hidden state, the queries, the
# keys and the MLP: read off torch's operations on Qwen2's layer (`tests/test_plan_step.py` counts them again).
FORWARD = (86, 20, 24, 10)
BACKWARD = (222, 34, 41, 18)
# Bytes per token and vocabulary entry. verl: logits in bf16, divided by the temperature, log-probabilities by a kernel
# that reads them once, the entropy by a compiled one that reads them three times (its actor, 0.4.1). Plain: ours, fp32.
VERL_SCORED, VERL_UPDATED = 14, 16
PLAIN_SCORED, PLAIN_UPDATED = 40, 120
# Bytes of an update per trained parameter: AdamW reads weight, gradient and two moments, writes three of them; the
# gradient is read once more for its norm.
ADAMW, SGD = 32, 16
# Kernels of a layer, forward and backward: its operations in torch (products, attention and elementwise).
LAUNCHED = (46, 90)
# Layers of the model whose steps the fixed times of a micro-batch were fitted to.
CALIBRATED_LAYERS = 28


@dataclass(frozen=True)
class Part:
    """One kind of work in a phase: an amount, the peak rate for it, and the share of that rate which it reaches.

    `unit`: FLOP, B, or `times` for events of fixed length, whose rate is their number per second.
    """

    phase: str
    what: str
    amount: float
    unit: str
    rate: float
    share: float = 1.0

    @property
    def seconds(self) -> float:
        return self.amount / (self.rate * self.share)

    def times(self, count: float) -> "Part":
        """Return the part done `count` times."""
        return replace(self, amount=self.amount * count)


@dataclass(frozen=True)
class Rows:
    """Work of a pass on one GPU: sequences, tokens that enter, tokens predicted, query–key pairs of a layer."""

    sequences: float
    tokens: float
    predicted: float
    pairs: float

    @classmethod
    def of(cls, sequences: float, prompts: float, prompt: float, lengths: Lengths, shared: bool) -> "Rows":
        """`prompts` of `prompt` tokens; each enters once for its responses if `shared`, else once for each."""
        own, times = sequences * lengths.mean, prompts if shared else sequences
        pairs = sequences * (prompt * lengths.mean + lengths.square / 2) + times * prompt**2 / 2
        return cls(sequences, own + times * prompt, own, pairs)

    def scaled(self, share: float) -> "Rows":
        return Rows(self.sequences * share, self.tokens * share, self.predicted * share, self.pairs * share)


@dataclass(frozen=True)
class Passes:
    """How a trainer passes rows through the model on each of `gpus`.

    `head`: `blocks` (our fused head in fp32, in blocks that are computed again for the gradient), `plain` (ours with
    all logits) or `verl` (logits in bf16). `precision`: fp32 or bf16. `adapters`: parameters of LoRA's adapters, which
    alone are trained; 0: all parameters are.
    """

    gpus: int
    head: str
    precision: str
    recompute: bool
    adapters: int = 0


def layer_products(facts: Facts) -> int:
    """Parameters of the layers' matrices, each multiplied once per token."""
    return facts.layers * (2 * facts.hidden * (facts.query + facts.key) + 3 * facts.hidden * facts.intermediate)


def elementwise(facts: Facts, per: tuple[int, int, int, int], width: int) -> float:
    """Bytes per token that the layers' elementwise kernels move; numbers of `width` bytes."""
    numbers = facts.hidden, facts.query, facts.key, facts.intermediate
    # In a bf16 layer 0.4 of the bytes are fp32 already, in its norms.
    scale = 1.0 if width == 2 else 1.6
    return scale * facts.layers * sum(bytes_ * n for bytes_, n in zip(per, numbers, strict=True))


def scored(phase: str, gpu: Gpu, facts: Facts, rows: Rows, how: Passes, count: float, heads: int = 1) -> list[Part]:
    """A pass without gradient: statistics of all rows, in `count` micro-batches; `heads`: products of the head."""
    layers = [
        *_products(phase, gpu, how, 2 * (layer_products(facts) + how.adapters) * rows.tokens),
        _attention(phase, gpu, how, 4 * facts.query * facts.layers * rows.pairs),
        _memory(phase, gpu, "elementwise kernels", elementwise(facts, FORWARD, _width(how)) * rows.tokens),
        *_head(phase, gpu, facts, rows, how, 2 * heads, (VERL_SCORED, PLAIN_SCORED)),
    ]
    return [*layers, *_beside(phase, gpu, facts, how, layers, count, gathers=1, reduced=0, kind="forward pass")]


def updated(phase: str, gpu: Gpu, facts: Facts, rows: Rows, how: Passes, count: float, extra: int = 0) -> list[Part]:
    """Forward and backward passes of all rows, in `count` micro-batches; `extra`: further products of the head."""
    again = 1 if how.recompute else 0
    moved = elementwise(facts, FORWARD, _width(how)) * (1 + again) + elementwise(facts, BACKWARD, _width(how))
    # The kernel's backward pass has five products for the forward's two.
    pairs = 4 * facts.query * facts.layers * rows.pairs
    # Each weight is multiplied forward, again where recomputed, and backward twice; a frozen one has no gradient of its
    # own, one product of the backward pass less.
    products, head = 6 + 2 * again, (8 if how.head == "blocks" else 6) + extra
    operations = products * layer_products(facts)
    if how.adapters:
        operations = (products - 2) * layer_products(facts) + products * how.adapters
        head -= 2 + extra / 4
    layers = [
        *_products(phase, gpu, how, operations * rows.tokens),
        _attention(phase, gpu, how, (3.5 + again) * pairs),
        _memory(phase, gpu, "elementwise kernels", moved * rows.tokens),
        *_head(phase, gpu, facts, rows, how, head, (VERL_UPDATED, PLAIN_UPDATED)),
    ]
    return [*layers, *_beside(phase, gpu, facts, how, layers, count, gathers=2, reduced=1, kind="update pass")]


def optimizer(phase: str, gpu: Gpu, parameters: float, updates: int, adamw: bool) -> Part:
    """All updates' passes of the optimizer over this GPU's share of the parameters."""
    return _memory(phase, gpu, "optimizer", (ADAMW if adamw else SGD) * parameters * updates)


def fixed(phase: str, what: str, kind: str, times: float) -> Part:
    return Part(phase, what, times, "times", 1 / FIXED[kind].seconds)


def _width(how: Passes) -> int:
    return 2 if how.precision == "bf16" else 4


def _products(phase: str, gpu: Gpu, how: Passes, operations: float) -> Iterable[Part]:
    rate = gpu.bf16 if how.precision == "bf16" else gpu.fp32
    yield Part(phase, "products of the layers", operations, "FLOP", rate, EFFICIENCIES["products"].on(gpu))


def _attention(phase: str, gpu: Gpu, how: Passes, operations: float) -> Part:
    rate = gpu.bf16 if how.precision == "bf16" else gpu.fp32
    return Part(phase, "attention", operations, "FLOP", rate, EFFICIENCIES["attention"].on(gpu))


def _memory(phase: str, gpu: Gpu, what: str, moved: float) -> Part:
    return Part(phase, what, moved, "B", gpu.memory, EFFICIENCIES["memory"].on(gpu))


def _head(
    phase: str, gpu: Gpu, facts: Facts, rows: Rows, how: Passes, products: float, bytes_: tuple[int, int]
) -> Iterable[Part]:
    """`products`: operations per weight and predicted token. `bytes_` per logit: verl's, our plain head's."""
    operations, logits = products * facts.embedding_parameters * rows.predicted, facts.vocabulary * rows.predicted
    if how.precision == "fp32":
        yield Part(phase, "head, fp32", operations, "FLOP", gpu.fp32, EFFICIENCIES["products"].on(gpu))
    elif how.head == "verl":
        yield Part(phase, "head, bf16", operations, "FLOP", gpu.bf16, EFFICIENCIES["products"].on(gpu))
    else:
        yield Part(phase, "head, TF32", operations, "FLOP", gpu.tf32, EFFICIENCIES["TF32 products"].on(gpu))
    if how.head != "blocks":
        yield _memory(phase, gpu, "logits", bytes_[0 if how.head == "verl" else 1] * logits)


def _beside(
    phase: str,
    gpu: Gpu,
    facts: Facts,
    how: Passes,
    layers: list[Part],
    count: float,
    gathers: int,
    reduced: int,
    kind: str,
) -> Iterable[Part]:
    """What a micro-batch costs beside its arithmetic: weights and gradients over the links, launches, waiting."""
    busy = sum(part.seconds for part in layers)
    if how.gpus > 1:
        each = facts.parameters * _width(how) * gathers + (how.adapters or facts.parameters) * 4 * reduced
        moved = count * each * (how.gpus - 1) / how.gpus
        share = EFFICIENCIES["links"].on(gpu)
        over = max(0.0, moved - busy * gpu.links * share)
        yield Part(phase, "weights and gradients over the links, beyond the computation", over, "B", gpu.links, share)
        yield fixed(phase, "micro-batches", kind, count * facts.layers / CALIBRATED_LAYERS)
        share = EFFICIENCIES["balance"].on(gpu)
        yield Part(phase, "waiting for the longest pass", busy * (1 / share - 1), "times", 1.0)
    else:
        launches = count * facts.layers * (LAUNCHED[0] if kind == "forward pass" else sum(LAUNCHED))
        over = max(0.0, launches - busy / FIXED["launch"].seconds)
        yield fixed(phase, "launches beyond the computation", "launch", over)

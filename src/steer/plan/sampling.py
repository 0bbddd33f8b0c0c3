"""Counted work of sampling responses: prefill of each prompt once, then decoding, which reads weights and cache.

A decoding step takes the longer of reading the weights and of the products for its sequences; the cache is read
beside. How many sequences decode at a time follows from the lengths and the room for keys and values.
"""

from dataclasses import dataclass

from steer.plan.facts import Facts
from steer.plan.lengths import Lengths
from steer.plan.rates import EFFICIENCIES, FIXED, Gpu
from steer.plan.work import Part, layer_products

# Sequences that vLLM decodes at a time: its default on such GPUs, and verl's.
SEQUENCES = 1024


@dataclass(frozen=True)
class Engine:
    """One engine: its GPUs, bytes of a number, tokens that its cache holds, and what a step costs on the host."""

    gpus: int
    width: int
    cached_tokens: float
    step: str
    token: str | None

    def slots(self, prompt: float, samples: float, lengths: Lengths) -> float:
        """Sequences at a time: a prompt's cache is shared by its samples; a response is half decoded on average."""
        held = prompt / samples + lengths.square / (2 * lengths.mean)
        return max(1.0, min(SEQUENCES, self.cached_tokens / held))


def sampled(
    phase: str, gpu: Gpu, facts: Facts, engine: Engine, prompts: float, samples: float, prompt: float, lengths: Lengths
) -> list[Part]:
    """Sample `samples` responses to each of `prompts` on one engine."""
    sequences, rate = prompts * samples, (gpu.bf16 if engine.width == 2 else gpu.fp32) * engine.gpus
    n = layer_products(facts) + facts.embedding_parameters
    memory, products = gpu.memory * engine.gpus, EFFICIENCIES["products"].on(gpu)
    read = EFFICIENCIES["cache"].on(gpu)
    steps = tokens = reading = multiplied = 0.0
    weights = n * engine.width
    for count, batch in lengths.batches(sequences, engine.slots(prompt, samples, lengths)):
        steps, tokens = steps + count, tokens + count * batch
        # Whichever takes longer hides the other.
        if 2 * n * batch / (rate * products) > weights / (memory * read):
            multiplied += count * 2 * n * batch
        else:
            reading += count * weights
    kept = facts.cached_values * engine.width
    cache = kept * sequences * (prompt * lengths.mean + lengths.square / 2)
    prefill = prompts * (2 * layer_products(facts) * prompt + 2 * facts.query * facts.layers * prompt**2)
    parts = [
        Part(phase, "prefill, each prompt once", prefill, "FLOP", rate, products),
        Part(phase, "weights read while decoding", reading, "B", memory, read),
        Part(phase, "products while decoding, where they take longer", multiplied, "FLOP", rate, products),
        Part(phase, "keys and values read", cache, "B", memory, read),
    ]
    host = FIXED["launch"].seconds * 46 * facts.layers if engine.step == "launch" else FIXED[engine.step].seconds
    parts.append(Part(phase, "decoding steps of the host", steps, "times", 1 / host))
    if engine.token:
        parts.append(Part(phase, "decoded tokens on the host", tokens, "times", 1 / FIXED[engine.token].seconds))
    return parts

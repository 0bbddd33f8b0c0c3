"""The plan's step on this CPU beside real steps of random models: `python benchmarks/plan_cpu.py`.

Steps are those of `speed.py`: the local engine's rollout, rewards by a coin, the updates. Random models do not stop, so
every response reaches its limit. One thread and processor time, so that others' work enters less; rates are measured
after each step. Of both the medians count.
"""

import argparse
import random
import statistics
import time
from itertools import pairwise
from typing import Any

import torch
from measure import keep, rounded
from speed import PASSES

from steer.configs.load import load_config
from steer.configs.schema import Training
from steer.engines.local import LocalEngine
from steer.methods import load_method
from steer.models.head import TokenStatistics
from steer.models.load import new_model
from steer.models.tokenizer import character_tokenizer
from steer.plan import cpu_rates
from steer.plan.assumed import Assumptions
from steer.plan.cpu_step import step_on
from steer.plan.facts import facts_of
from steer.plan.passes import Needs
from steer.train.rollouts import assemble, sampling_of
from steer.train.update import Batch, run_updates

WIDTH = 24
# Shape, prompts of 8 responses, and their tokens.
MODELS = {
    "tiny, 0.2 million": ((64, 3, 4, 4, 256), 32, 28),
    "0.9 million": ((128, 4, 4, 4, 512), 32, 28),
    "5 million": ((320, 4, 10, 5, 960), 4, 24),
    "11 million": ((512, 4, 8, 4, 1344), 2, 24),
}


def one_step(model, training: Training, engine: LocalEngine, prompts: list[list[int]]) -> dict[str, float]:
    """Processor seconds of a step's rollout and updates."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    marks = [time.process_time()]
    sampling = sampling_of(training, entropy=True)
    sampled = assemble(prompts, engine.generate(prompts, sampling, torch.Generator().manual_seed(0)), 0)
    old = TokenStatistics(sampled.engine_logprob, sampled.engine_entropy)
    marks.append(time.process_time())
    method, group = load_method("grpo"), torch.arange(len(prompts)).repeat_interleave(training.rollouts)
    rewards = torch.arange(len(group)).remainder(2).float()
    advantage = method.advantages(rewards, group, sampled.sequences.lengths)
    batch = Batch(sampled.sequences, old, advantage, group, torch.ones_like(group, dtype=torch.bool))
    run_updates(model, optimizer, method, batch, training, torch.Generator().manual_seed(2))
    marks.append(time.process_time())
    return {phase: end - begin for phase, (begin, end) in zip(PASSES, pairwise(marks), strict=True)}


def compared(shape: tuple[int, ...], prompts: int, new: int, repeats: int) -> dict[str, Any]:
    """Return seconds of both phases: medians of the repeats, and of the plans with rates measured between them."""
    names = ("hidden_size", "layers", "heads", "kv_heads", "intermediate_size")
    changes = {f"model.warm_start.architecture.{name}": value for name, value in zip(names, shape, strict=True)}
    changes |= {"training.prompts": prompts, "training.rollouts": 8, "training.updates": min(4, prompts)}
    changes |= {"training.max_prompt_tokens": WIDTH, "training.max_response_tokens": new}
    config = load_config("configs/tiny.yaml", changes)
    training, facts = config.training, facts_of(config)
    draw, tokenizer = random.Random(0), character_tokenizer()
    asked = [[draw.randrange(256) for _ in range(WIDTH)] for _ in range(prompts)]
    never = type("Tokenizer", (), {"eos_token_id": -1, "pad_token_id": 0})
    model = new_model(config.model.warm_start.architecture, tokenizer, seed=0)
    engine, assumed = LocalEngine(model, never), Assumptions(prompt_tokens=WIDTH, response_share=1.0, idle=0.0)
    tokens = prompts * (WIDTH + 8 * new) // training.updates
    needs = Needs(statistics=False, base=False, teacher=False, idle=1.0, heads=1, extra=0)

    def plan() -> dict[str, float]:
        rates = cpu_rates.measured(facts, 1, tokens, 8 * prompts, new, WIDTH + new)
        phases = step_on(config, next(iter(config.methods)), facts, assumed, needs, rates).phases()
        return {"rollout": phases["rollout"], "updates": phases["update"]}

    one_step(model, training, engine, asked)
    both = [(one_step(model, training, engine, asked), plan()) for _ in range(repeats)]
    found = {}
    for phase in PASSES:
        measured, planned = (statistics.median(one[phase] for one in given) for given in zip(*both, strict=True))
        found[phase] = {"measured_s": measured, "plan_s": planned, "plan_over_measured": planned / measured}
    total = [sum(found[phase][key] for phase in PASSES) for key in ("measured_s", "plan_s")]
    found["step"] = {"measured_s": total[0], "plan_s": total[1], "plan_over_measured": total[1] / total[0]}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    print(f"{'model':20} {'phase':8} {'measured':>9} {'plan':>9} {'plan / measured':>16}")
    for name, (shape, prompts, new) in MODELS.items():
        found[name] = compared(shape, prompts, new, args.repeats)
        for phase, of in found[name].items():
            print(
                f"{name:20} {phase:8} {of['measured_s']:7.3f} s {of['plan_s']:7.3f} s {of['plan_over_measured']:16.2f}"
            )
    off = max(abs(of["step"]["plan_over_measured"] - 1) for of in found.values())
    print(f"a whole step: at most {off:.0%} off")
    keep("plan_cpu", rounded({"threads": 1, "repeats": args.repeats, "models": found, "largest_error": off}))


if __name__ == "__main__":
    main()

"""The training loop: roll out, verify, advantages, old log-probabilities, updates; one line of metrics a step."""

import json
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from tqdm import tqdm

from steer.configs.load import nearest
from steer.configs.schema import Reward, Training
from steer.data.problem import Problem
from steer.engines.local import LocalEngine
from steer.engines.sampling import Engine
from steer.engines.weights import trainer_weights
from steer.errors import UserError
from steer.io import write_jsonl
from steer.methods import Method
from steer.methods.advantage import grpo
from steer.methods.correction import check_mismatch, truncated_importance
from steer.models.forward import Sequences
from steer.models.head import OPTIONAL, TokenStatistics
from steer.train import checkpoint
from steer.train.base import Base
from steer.train.checkpoint import Checkpoints
from steer.train.dynamic import collect, together
from steer.train.metrics import rollout_metrics, skipped_in_a_row, update_metrics
from steer.train.parallel import gather, is_main, own_share, rank, world
from steer.train.prompts import choose_prompts, encode_prompts
from steer.train.rollouts import Judging, Rollouts, assemble, judged, penalised, sampling_of
from steer.train.scoring import scored
from steer.train.seeds import step_generator
from steer.train.teacher import teacher_logprob
from steer.train.token_view import steps_to_show, token_rows
from steer.train.update import Batch, optimizer_of, run_updates
from steer.verify.responses import Verifier


@dataclass
class Trainer:
    """One training run.

    `model` is trained in place; `engine` makes the rollout engine from model and tokenizer; `stop`: tokens that end a
    response in addition to the end of sequence; `shares`: share of a step's prompts per training set; `keep_model` is
    called after each of `keep_steps`.
    """

    model: Any
    tokenizer: Any
    method: Method
    problems: list[Problem]
    training: Training
    reward: Reward
    seed: int
    checkpoints: Checkpoints
    engine: Callable[[Any, Any], Engine] = LocalEngine
    stop: tuple[int, ...] = ()
    shares: dict[str, float] | None = None
    verifier: Callable[..., AbstractContextManager[Verifier]] | None = None
    on_step: Callable[[dict[str, Any]], None] = lambda metrics: None
    keep_model: Callable[[int], None] = lambda step: None
    keep_steps: Collection[int] = ()
    metrics: list[dict[str, Any]] = field(default_factory=list)
    saved_at: float = field(default_factory=time.monotonic)
    token_rows: list[dict[str, Any]] = field(default_factory=list)
    base: Base | None = None

    def run(self) -> list[dict[str, Any]]:
        """Train to the last step, from the newest checkpoint if there is one; return the metrics of all steps."""
        training = self.training
        optimizer = optimizer_of(self.model, training)
        # Before a checkpoint changes the model.
        self.base = Base(self.model) if "base_logprob" in self.method.needs else None
        first = self._resume(optimizer) + 1
        with (
            closing(self.engine(self.model, self.tokenizer)) as engine,
            (self.verifier or Verifier.of)(self.reward, self.reward.verifier_workers, training=True) as verifier,
        ):
            steps = range(first, training.steps + 1)
            shown = {"desc": self.method.name, "mininterval": 5, "disable": not is_main()}
            for step in tqdm(steps, initial=first - 1, total=training.steps, **shown):
                self.metrics.append(self._step(step, engine, verifier, optimizer))
                self._log(self.metrics[-1])
                if step in self.keep_steps:
                    self.keep_model(step)
                if step < training.steps and self._checkpoint_due(step):
                    self._save(step, optimizer)
        if training.final_model == "best":
            self._take_the_best(optimizer)
        return self.metrics

    def _step(self, step: int, engine: Engine, verifier: Verifier, optimizer) -> dict[str, Any]:
        training, clock = self.training, _Clock()
        self.method.progress = step / training.steps
        lr = training.lr * min(1.0, step / max(training.warmup_steps, 1))
        for group in optimizer.param_groups:
            group["lr"] = lr

        checksum = engine.wake(trainer_weights(self.model))
        clock.lap("sync")
        known: list[TokenStatistics] = []

        def score(sequences: Sequences) -> None:
            engine.sleep()
            known.append(scored(self.model, sequences.to(self.model.device), training, self.method.needs))

        told = self._told(engine)
        # With a single round, compute the log-probabilities while the verifier works.
        meanwhile = score if training.dynamic_sampling == 1 and world() == 1 and not told else None
        rounds: list[Rollouts] = []

        def roll(attempt: int) -> Rollouts:
            shares = gather(self._roll(step, attempt, engine, verifier, clock, meanwhile).without_problems())
            # Every process has the problems with their tests, so they are not sent.
            problems = self._prompts(step, attempt)
            rounds.append(together([s.of(own_share(problems, k)) for k, s in enumerate(shares)]))
            return rounds[-1]

        chosen = collect(training.prompts, training.dynamic_sampling, roll)
        rollouts = penalised(chosen, self.reward, training.max_response_tokens).to(self.model.device)
        if told:
            engine.sleep()
            known.append(TokenStatistics(rollouts.engine_logprob, rollouts.engine_entropy))
        elif not known:
            score(rollouts.sequences)
        old = known[0]
        told_by_engine = rollouts.engine_logprob, rollouts.sequences.mask
        check_mismatch(old.logprob, *told_by_engine, step, training.mismatch_limit)
        advantage = self.method.advantages(rollouts.rewards, rollouts.group, rollouts.sequences.lengths)
        enter = ~rollouts.rewards.isnan()
        if self.reward.overlong == "mask":
            enter &= ~rollouts.truncated
        plain = grpo(rollouts.rewards, rollouts.group, rollouts.sequences.lengths)
        batch = Batch(rollouts.sequences, old, advantage, rollouts.group, enter, plain=plain)
        if training.correction_cap is not None:
            correction = truncated_importance(old.logprob, *told_by_engine, training.correction_cap)
            batch = replace(batch, correction=correction)
        if "teacher_logprob" in self.method.needs:
            generator = step_generator(self.seed, step, "teacher")
            given = self.model, self.tokenizer, rollouts, old, (advantage > 0) & enter
            batch = replace(batch, teacher=teacher_logprob(*given, training, generator))
        if self.base is not None:
            batch = replace(batch, base=self.base.logprob(rollouts.sequences, training))
        everything = penalised(together(rounds), self.reward, training.max_response_tokens)
        metrics = {"step": step, **rollout_metrics(rollouts, batch, everything), "rollout_weights": checksum}
        clock.lap("logprob")
        if step in steps_to_show(training.steps):
            self.token_rows += token_rows(step, rollouts, batch, old, self.method, self.tokenizer)
        generator = step_generator(self.seed, step, "updates")
        records = run_updates(self.model, optimizer, self.method, batch, training, generator)
        metrics |= update_metrics(records)
        self._skipped(metrics, skipped_in_a_row(records, self._before().get("updates_skipped_in_a_row", 0)))
        self.method.after_step(metrics)
        clock.lap("update")
        return {**metrics, "lr": lr, **clock.seconds()}

    def _before(self) -> dict[str, Any]:
        """Return the previous step's metrics; empty before the first step."""
        return self.metrics[-1] if self.metrics else {}

    def _skipped(self, metrics: dict[str, Any], in_a_row: int) -> None:
        """Count consecutive updates without a finite gradient and end the run at the limit."""
        metrics["updates_skipped_in_a_row"] = in_a_row
        if in_a_row >= (limit := self.training.skipped_limit):
            raise UserError(
                f"step {metrics['step']}, method {self.method.name}: the gradients of the last {in_a_row} updates were "
                f"not finite (training.skipped_limit is {limit}); lower training.lr or set training.precision: fp32"
            )

    def _checkpoint_due(self, step: int) -> bool:
        """Whether a checkpoint is due, by steps or by the first process's clock."""
        minutes = self.training.checkpoint_minutes
        late = minutes is not None and gather(time.monotonic() - self.saved_at >= 60 * minutes)[0]
        return late or step % self.training.checkpoint_every == 0

    def _told(self, engine: Engine) -> bool:
        """Whether the samples come with all statistics that the method needs, in fp32."""
        return engine.exact and self.training.precision == "fp32" and not self.method.needs & set(OPTIONAL)

    def _prompts(self, step: int, attempt: int) -> list[Problem]:
        """The prompts of a round on all processes."""
        return choose_prompts(self.problems, self.training, self.seed, step, attempt, self.shares)

    def _roll(
        self,
        step: int,
        attempt: int,
        engine: Engine,
        verifier: Verifier,
        clock: "_Clock",
        meanwhile: Callable[[Sequences], None] | None,
    ) -> Rollouts:
        """Sample one round of this process's rollouts with verdicts; each attempt draws new prompts and responses.

        `meanwhile` receives the sequences while they are judged.
        """
        training, again = self.training, f"/{attempt}" if attempt else ""
        again += f"/process{rank()}" if rank() else ""
        problems = own_share(self._prompts(step, attempt))
        prompts = encode_prompts(self.tokenizer, problems, training.max_prompt_tokens)
        generator = step_generator(self.seed, step, f"rollout{again}")
        sampling = sampling_of(training, self.stop, entropy=self._told(engine))
        with Judging(problems, training.rollouts, self.tokenizer, verifier) as judging:
            completions = engine.generate(prompts, sampling, generator, judging.ended)
            sampled = assemble(prompts, completions, self.tokenizer.pad_token_id)
            clock.lap("rollout")
            if meanwhile is not None:
                meanwhile(sampled.sequences)
                clock.lap("logprob")
            generator = step_generator(self.seed, step, f"reward{again}")
            rollouts = judged(sampled, judging, training.rollouts, self.reward, generator)
            clock.lap("verify")
        return rollouts

    def _resume(self, optimizer) -> int:
        """Restore the state of the last finished step and return its number; 0 for a fresh run."""
        path, step = self.checkpoints.newest(), 0
        if path is not None:
            state = checkpoint.load(path, self.model, optimizer)
            self.method.load_state_dict(state["method"])
            self.metrics, self.token_rows, step = state["metrics"], state["token_rows"], state["step"]
        # Lines of steps after the checkpoint are written again when those steps are repeated.
        if is_main():
            write_jsonl(self.checkpoints.live_metrics, self.metrics)
        return step

    def _log(self, metrics: dict[str, Any]) -> None:
        if is_main():
            with open(self.checkpoints.live_metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(metrics) + "\n")
        self.on_step(metrics)

    def _save(self, step: int, optimizer) -> None:
        state = {
            "step": step,
            "method": self.method.state_dict(),
            "metrics": self.metrics,
            "token_rows": self.token_rows,
        }
        if not any(self.training.checkpoint_metric in line for line in self.metrics):
            wrong = f"key `training.checkpoint_metric`: no metric {self.training.checkpoint_metric!r}"
            raise UserError(wrong + nearest(self.training.checkpoint_metric, self.metrics[-1]))
        recent = [line.get(self.training.checkpoint_metric) for line in self.metrics[-self.training.checkpoint_every :]]
        known = [value for value in recent if value is not None]
        # A checkpoint triggered by the clock never ranks: the best must not depend on the machine's speed.
        ranked = known and (step % self.training.checkpoint_every == 0 or step == self.training.steps)
        self.checkpoints.save(step, self.model, optimizer, state, sum(known) / len(known) if ranked else None)
        self.saved_at = time.monotonic()

    def _take_the_best(self, optimizer) -> None:
        """Load the weights of the best checkpoint into the model; the last step is a candidate too."""
        self._save(self.training.steps, optimizer)
        best = self.checkpoints.best()
        if best is not None:
            checkpoint.load(best, self.model, optimizer)


class _Clock:
    """Wall time of consecutive phases (repeated phases add up), and on a GPU the peak memory of each."""

    def __init__(self) -> None:
        self.started = self.last = time.perf_counter()
        self.laps: dict[str, float] = {}
        self.peaks: dict[str, float] = {}

    def lap(self, name: str) -> None:
        if torch.cuda.is_initialized():
            # Work queued on the device belongs to the phase that queued it.
            torch.cuda.synchronize()
            peak = round(torch.cuda.max_memory_allocated() / 1e9, 3)
            self.peaks[f"memory_gb_{name}"] = max(peak, self.peaks.get(f"memory_gb_{name}", 0.0))
            torch.cuda.reset_peak_memory_stats()
        now = time.perf_counter()
        self.laps[f"seconds_{name}"] = self.laps.get(f"seconds_{name}", 0.0) + now - self.last
        self.last = now

    def seconds(self) -> dict[str, float]:
        total = self.last - self.started
        return {name: round(value, 4) for name, value in {**self.laps, "seconds": total}.items()} | self.peaks

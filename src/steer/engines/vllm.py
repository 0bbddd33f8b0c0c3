"""Rollouts with vLLM, in the trainer's process or in separate ones. Needs an optional environment: docs/engines.md."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import nullcontext
from typing import Any

import psutil
import torch
from torch import Tensor

from steer.configs.schema import Rollout
from steer.engines.limits import kv_bytes_per_token
from steer.engines.sampling import Completion, Ended, Sampling
from steer.engines.vllm_start import check_room, process_group_kept, start
from steer.engines.weights import changed, combine, share, trainer_weights
from steer.errors import UserError
from steer.models.load import load_model, load_settings

DIED = (
    "rollout: vLLM's engine process died (out of memory or killed; what it said is above); give the same command "
    "again, training goes on from its last checkpoint"
)


class VllmEngine:
    """vLLM engine. `path`: model folder or hub id.

    It must hold `samples` responses per prompt of at most `tokens` tokens with the prompt. With `temperature` 1 it
    samples at no other temperature except 0. `load` false: weights come only by `update_weights`. Raises `UserError`
    if vLLM is not installed, does not start, cannot hold that many tokens, or its process dies.
    """

    exact = False

    def __init__(
        self,
        path: str,
        tokenizer,
        settings: Rollout,
        *,
        samples: int,
        tokens: int,
        temperature: float,
        revision: str | None = None,
        load: bool = True,
    ):
        # Either before temperature and top-p, or after both: at temperature 1 we need the former.
        self.logprobs = "raw_logprobs" if temperature == 1 else "processed_logprobs"
        self.tokenizer, self.settings, self.tokens = tokenizer, settings, tokens
        self.dtype = getattr(torch, settings.dtype)
        config, _ = load_settings(path, revision)
        if settings.kv_cache_gib is not None:
            held = settings.kv_cache_gib * 2**30 * settings.tensor_parallel
            check_room(int(held / kv_bytes_per_token(config, self.dtype.itemsize)), samples, tokens)
        # A sharded trainer's process group, which vLLM uses and would destroy when it ends.
        self.borrowed = torch.distributed.is_initialized()
        before = set(psutil.Process().children(recursive=True))
        self.llm = start(path, revision, config, settings, tokens, load, self.logprobs)
        started = [p for p in psutil.Process().children(recursive=True) if p not in before]
        self.processes = started if settings.placement == "own" else []
        self.fresh = load
        self.sender = None
        if not load and self.llm.llm_engine.vllm_config.weight_transfer_config is not None:
            from steer.engines.vllm_nccl import Sender

            self.sender = Sender(self._rpc, settings.tensor_parallel)
        # Computed by vLLM at its start from the model's settings. Updates bring none, and sleep may lose them.
        self.buffers = self._rpc("served_buffers")
        cache = self.llm.llm_engine.vllm_config.cache_config
        check_room(cache.num_gpu_blocks * cache.block_size, samples, tokens)

    def generate(
        self, prompts: list[list[int]], sampling: Sampling, generator: torch.Generator, ended: Ended | None = None
    ) -> list[list[Completion]]:
        """As `Engine.generate`. Each prompt's seed is drawn from the generator.

        A prompt's samples do not depend on the rest of the batch, as far as vLLM's kernels allow.
        """
        from vllm import SamplingParams

        if not self.fresh:
            raise RuntimeError("the rollout engine has no fresh weights: it sleeps, or an update did not end; wake it")
        if max(map(len, prompts)) + sampling.max_tokens > self.tokens:
            raise ValueError(f"a prompt with {sampling.max_tokens} tokens is longer than the engine's {self.tokens}")
        raw = self.logprobs == "raw_logprobs"
        if raw and sampling.temperature not in (0, 1):
            raise ValueError(f"the engine was started for temperature 1, not {sampling.temperature}")
        told = raw or sampling.top_p == 1 or sampling.temperature == 0
        seeds = torch.randint(2**62, (len(prompts),), generator=generator).tolist()
        # Greedy samples are all equal, and vLLM accepts only one.
        greedy = sampling.temperature == 0
        parameters = [
            SamplingParams(
                n=1 if greedy else sampling.samples,
                temperature=sampling.temperature,
                top_p=1.0 if greedy else sampling.top_p,
                max_tokens=sampling.max_tokens,
                seed=seed,
                logprobs=0 if told else None,
                # All stop tokens are passed; vLLM adds none.
                ignore_eos=True,
                stop_token_ids=[self.tokenizer.eos_token_id, *sampling.stop],
                detokenize=False,
            )
            for seed in seeds
        ]
        asked = [{"prompt_token_ids": prompt} for prompt in prompts]
        answers = self._call(self.llm.generate, asked, parameters, use_tqdm=False)
        copies = sampling.samples if greedy else 1
        completions = [[_completion(one) for one in answer.outputs] * copies for answer in answers]
        if ended is not None:
            flat = [completion for group in completions for completion in group]
            ended(list(range(len(flat))), flat)
        return completions

    def update_weights(self, weights: Iterable[tuple[str, Tensor]]) -> int:
        """As `Engine.update_weights`; weights are first rounded to the engine's type.

        `RuntimeError` if the engine then serves other weights, or other buffers than at its start.
        """
        self.fresh, given = False, {}

        def noted():
            for name, tensor in weights:
                rounded = tensor.to(self.dtype)
                given[name] = share(rounded)
                yield name, rounded

        if self.settings.placement == "colocated":
            self._rpc("reload_weights", weights_iterator=noted())
        else:
            self._send(noted())
        return self._serves(given)

    def read(self, folder: str) -> int:
        """Serve the weights of a folder, a model of the same architecture; return their checksum.

        `RuntimeError` as `update_weights`.
        """
        self.fresh = False
        model = load_model(folder, dtype="auto")
        given = {name: share(tensor.to(self.dtype)) for name, tensor in trainer_weights(model)}
        del model
        self._rpc("read_weights", folder=str(folder))
        return self._serves(given)

    def sleep(self) -> None:
        """As `Engine.sleep`: weights and cache leave the device. vLLM's CPU build keeps its memory."""
        self.fresh = False
        if self._can_sleep():
            self._call(self.llm.sleep, level=2)

    def wake(self, weights: Iterable[tuple[str, Tensor]]) -> int:
        """As `Engine.wake`: memory for the weights, the weights, then memory for the cache."""
        if weights is None:
            raise RuntimeError("the rollout engine wakes with fresh weights only; give it the trainer's")
        asleep = self._can_sleep() and self.llm.llm_engine.is_sleeping()
        if asleep:
            self._call(self.llm.wake_up, tags=["weights"])
        checksum = self.update_weights(weights)
        if asleep:
            self._call(self.llm.wake_up, tags=["kv_cache"])
        return checksum

    def close(self) -> None:
        """End vLLM's processes; the engine cannot be used again."""
        self.fresh = False
        with process_group_kept() if self.borrowed else nullcontext():
            self.llm.llm_engine.engine_core.shutdown()

    def _serves(self, given: dict[str, int]) -> int:
        """Check that the engine serves weights of these sums; return their checksum."""
        self.llm.reset_prefix_cache()
        served: dict[str, int] = {}
        for worker in self._rpc("served_sums"):
            for name, value in worker.items():
                served[name] = (served.get(name, 0) + value) % (1 << 64)
        wrong = changed(given, served)
        if wrong:
            raise RuntimeError(
                f"the rollout engine does not serve the trainer's weights: {len(wrong)} of {len(given)} tensors "
                f"differ, {', '.join(wrong[:3])} among them"
            )
        for before, now in zip(self.buffers, self._rpc("served_buffers"), strict=True):
            if lost := changed(before, now):
                raise RuntimeError(
                    f"the rollout engine's buffers are not those of its start: {', '.join(lost[:3])} of {len(before)} "
                    "changed, after sleep or an update"
                )
        self.fresh = True
        return combine(served)

    def _can_sleep(self) -> bool:
        return self.llm.llm_engine.vllm_config.model_config.enable_sleep_mode

    def _send(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Send weights to engines in other processes: by NCCL between GPUs, else as bytes through their socket."""
        if self.sender is not None:
            self.sender.send(weights)
            return
        rows = [(name, list(t.shape), t.cpu().contiguous().view(torch.uint8).numpy().tobytes()) for name, t in weights]
        names, shapes, data = map(list, zip(*rows, strict=True))
        self._rpc("receive_weights", names=names, shapes=shapes, dtype=self.settings.dtype, data=data)

    def _rpc(self, method: str, **arguments: Any) -> list[Any]:
        """Call a method of every worker; return their results."""
        return self._call(self.llm.collective_rpc, method, kwargs=arguments)

    def _call(self, function: Callable, *arguments: Any, **named: Any) -> Any:
        """Return the call's result; `UserError` if vLLM's processes have died, for which vLLM may wait forever."""
        if not self.processes:
            return function(*arguments, **named)
        answer: Future = Future()

        def run() -> None:
            try:
                answer.set_result(function(*arguments, **named))
            except Exception as error:
                answer.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        while not answer.done():
            wait([answer], timeout=1)
            if not answer.done() and not all(p.is_running() and p.status() != "zombie" for p in self.processes):
                break
        if not answer.done() or type(answer.exception()).__name__ == "EngineDeadError":
            self.fresh = False
            raise UserError(DIED)
        return answer.result()


def _completion(output) -> Completion:
    """Convert vLLM's output. Its log-probabilities are one mapping from token per position."""
    tokens = list(output.token_ids)
    logprobs = [at[token].logprob for token, at in zip(tokens, output.logprobs or [], strict=bool(output.logprobs))]
    if output.finish_reason not in ("stop", "length"):
        raise RuntimeError(f"vLLM ended a response with {output.finish_reason!r}")
    return Completion(tokens, logprobs, output.finish_reason)

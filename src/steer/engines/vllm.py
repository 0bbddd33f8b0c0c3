"""Rollouts with vLLM, in the trainer's process or in processes of its own. An optional environment: docs/engines.md."""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from torch import Tensor

from steer.configs.schema import Rollout
from steer.engines.limits import kv_bytes_per_token
from steer.engines.sampling import Completion, Sampling
from steer.engines.weights import combine, share
from steer.errors import UserError
from steer.models.load import load_settings

DIED = (
    "rollout: vLLM's engine process died (out of memory or killed; what it said is above); give the same command "
    "again, training goes on from its last checkpoint"
)


class VllmEngine:
    """`path`: model folder or hub id. `samples` responses per prompt are going to be asked for, each of at most
    `tokens` tokens with its prompt. `load` false: the weights come by `update_weights`, and there are none before.

    `UserError` where vLLM is not installed or does not start, cannot hold that many tokens, or its process dies.
    """

    def __init__(
        self, path: str, tokenizer, settings: Rollout, *, samples: int, tokens: int, revision=None, load: bool = True
    ):
        self.tokenizer, self.settings, self.tokens = tokenizer, settings, tokens
        self.dtype = getattr(torch, settings.dtype)
        config, _ = load_settings(path, revision)
        if settings.kv_cache_gib is not None:
            held = settings.kv_cache_gib * 2**30 * settings.tensor_parallel
            _check_room(int(held / kv_bytes_per_token(config, self.dtype.itemsize)), samples, tokens)
        before = set(psutil.Process().children(recursive=True))
        self.llm = _start(path, revision, config, settings, tokens, load)
        started = [p for p in psutil.Process().children(recursive=True) if p not in before]
        self.processes = started if settings.placement == "own" else []
        self.fresh = load
        cache = self.llm.llm_engine.vllm_config.cache_config
        _check_room(cache.num_gpu_blocks * cache.block_size, samples, tokens)

    def generate(
        self, prompts: list[list[int]], sampling: Sampling, generator: torch.Generator
    ) -> list[list[Completion]]:
        """As `Engine.generate`. Each prompt's seed is drawn from the generator: what it gives does not depend on what
        vLLM runs beside it, as far as its kernels do not."""
        from vllm import SamplingParams

        if not self.fresh:
            raise RuntimeError("the rollout engine has no fresh weights: it sleeps, or an update did not end; wake it")
        if max(map(len, prompts)) + sampling.max_tokens > self.tokens:
            raise ValueError(f"a prompt with {sampling.max_tokens} tokens is longer than the engine's {self.tokens}")
        seeds = torch.randint(2**62, (len(prompts),), generator=generator).tolist()
        # Greedy samples are all the same, and vLLM takes no more than one.
        greedy = sampling.temperature == 0
        parameters = [
            SamplingParams(
                n=1 if greedy else sampling.samples,
                temperature=sampling.temperature,
                top_p=1.0 if greedy else sampling.top_p,
                max_tokens=sampling.max_tokens,
                seed=seed,
                logprobs=0,
                # What ends a response is said in full; vLLM adds nothing of its own.
                ignore_eos=True,
                stop_token_ids=[self.tokenizer.eos_token_id, *sampling.stop],
                detokenize=False,
            )
            for seed in seeds
        ]
        asked = [{"prompt_token_ids": prompt} for prompt in prompts]
        answers = self._call(self.llm.generate, asked, parameters, use_tqdm=False)
        copies = sampling.samples if greedy else 1
        return [[_completion(one) for one in answer.outputs] * copies for answer in answers]

    def update_weights(self, weights: Iterable[tuple[str, Tensor]]) -> int:
        """As `Engine.update_weights`; the weights are rounded to the engine's type first."""
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
        self.llm.reset_prefix_cache()
        served: dict[str, int] = {}
        for worker in self._rpc("served_sums"):
            for name, value in worker.items():
                served[name] = (served.get(name, 0) + value) % (1 << 64)
        wrong = sorted(name for name in given.keys() | served.keys() if given.get(name) != served.get(name))
        if wrong:
            raise RuntimeError(
                f"the rollout engine does not serve the trainer's weights: {len(wrong)} of {len(given)} tensors "
                f"differ, {', '.join(wrong[:3])} among them"
            )
        self.fresh = True
        return combine(served)

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
        self.llm.llm_engine.engine_core.shutdown()

    def _can_sleep(self) -> bool:
        return self.llm.llm_engine.vllm_config.model_config.enable_sleep_mode

    def _send(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Weights to engines in other processes, as bytes through their socket."""
        rows = [(name, list(t.shape), t.cpu().contiguous().view(torch.uint8).numpy().tobytes()) for name, t in weights]
        names, shapes, data = map(list, zip(*rows, strict=True))
        self._rpc("receive_weights", names=names, shapes=shapes, dtype=self.settings.dtype, data=data)

    def _rpc(self, method: str, **arguments: Any) -> list[Any]:
        """A method of every worker; their answers."""
        return self._call(self.llm.collective_rpc, method, kwargs=arguments)

    def _call(self, function: Callable, *arguments: Any, **named: Any) -> Any:
        """The call's result; `UserError` where vLLM's processes are gone. vLLM itself may wait for them for ever."""
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


def _start(path: str, revision: str | None, config, settings: Rollout, tokens: int, load: bool):
    """vLLM's `LLM` for sequences of at most `tokens` tokens."""
    own = settings.placement == "own"
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1" if own else "0"
    # Standard output is the command's own; nothing about a run leaves the machine.
    for name, value in (("LOGGING_LEVEL", "ERROR"), ("LOGGING_STREAM", "ext://sys.stderr"), ("NO_USAGE_STATS", "1")):
        os.environ.setdefault(f"VLLM_{name}", value)
    try:
        from vllm import LLM
        from vllm.platforms import current_platform
    except ImportError as error:
        raise UserError(
            f"key `rollout.engine`: vLLM is not installed here ({error}); run `make vllm-setup` and use the `steer` of "
            ".venv-vllm"
        ) from None
    if current_platform.is_cpu():
        _check_head_size(config)
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    with _devices(settings), _says_why(path):
        return LLM(
            model=path,
            revision=revision,
            dtype=settings.dtype,
            max_model_len=tokens,
            skip_tokenizer_init=True,
            generation_config="vllm",
            # At the sampling temperature, as the trainer computes them.
            logprobs_mode="processed_logprobs",
            load_format="auto" if load else "dummy",
            tensor_parallel_size=settings.tensor_parallel,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            kv_cache_memory_bytes=None if settings.kv_cache_gib is None else int(settings.kv_cache_gib * 2**30),
            enforce_eager=settings.enforce_eager,
            enable_sleep_mode=not own and current_platform.is_sleep_mode_available(),
            # One engine in each of the launcher's processes, instead of processes that vLLM starts.
            distributed_executor_backend="external_launcher" if distributed and not own else None,
            worker_extension_cls="steer.engines.vllm_worker.Worker",
            disable_log_stats=True,
        )


@contextmanager
def _devices(settings: Rollout):
    """`rollout.devices` alone are visible to the processes started here; each training process takes its own share."""
    if settings.devices is None:
        yield
        return
    first = int(os.environ.get("LOCAL_RANK", "0")) * settings.tensor_parallel
    chosen = settings.devices[first : first + settings.tensor_parallel]
    if len(chosen) < settings.tensor_parallel:
        raise UserError(
            f"key `rollout.devices`: {len(settings.devices)} devices are too few; name tensor_parallel "
            f"({settings.tensor_parallel}) of them for each training process"
        )
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, chosen))
    try:
        yield
    finally:
        del os.environ["CUDA_VISIBLE_DEVICES"]
        if before is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


@contextmanager
def _says_why(path: str):
    """What vLLM refuses, in one line: too little memory, an unknown architecture, an impossible setting."""
    try:
        yield
    except (ValueError, RuntimeError, NotImplementedError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(f"rollout: vLLM does not start with {path}: {' '.join(lines)[:500]}") from None


def _check_head_size(config) -> None:
    """The CPU kernels know a few head sizes only, and would fail at the first prompt."""
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    sizes = CPUAttentionBackend.get_supported_head_sizes()
    if size not in sizes:
        raise UserError(
            f"key `rollout.engine`: vLLM on a CPU has no attention for heads of size {size}; use `local`, or a model "
            f"with one of {', '.join(map(str, sizes))}"
        )


def _check_room(held: int, samples: int, tokens: int) -> None:
    """The cache holds one prompt's samples at full length; with less, vLLM would drop and repeat work without end."""
    if held < samples * tokens:
        raise UserError(
            f"rollout: vLLM's cache holds {held} tokens, but the {samples} samples of one prompt take up to "
            f"{samples * tokens}; raise rollout.kv_cache_gib or rollout.gpu_memory_utilization, or lower the samples "
            "or max_response_tokens"
        )


def _completion(output) -> Completion:
    """vLLM's answer as ours. Its log-probabilities come as one mapping from token per position."""
    tokens = list(output.token_ids)
    logprobs = [at[token].logprob for token, at in zip(tokens, output.logprobs, strict=True)]
    if output.finish_reason not in ("stop", "length"):
        raise RuntimeError(f"vLLM ended a response with {output.finish_reason!r}")
    return Completion(tokens, logprobs, output.finish_reason)

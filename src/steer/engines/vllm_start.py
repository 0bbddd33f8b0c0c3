"""Start vLLM: its arguments, its environment variables, and one-line errors for what it would refuse."""

import os
from contextlib import contextmanager

import torch

from steer.configs.schema import Rollout
from steer.engines.served import borrowed
from steer.errors import UserError


def start(path: str, revision: str | None, config, settings: Rollout, tokens: int, load: bool, logprobs: str):
    """Start vLLM's `LLM` for sequences of at most `tokens` tokens."""
    own = settings.placement == "own"
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1" if own else "0"
    # Keep standard output for the command, and send no usage statistics.
    for name, value in (("LOGGING_LEVEL", "ERROR"), ("LOGGING_STREAM", "ext://sys.stderr"), ("NO_USAGE_STATS", "1")):
        os.environ.setdefault(f"VLLM_{name}", value)
    try:
        from vllm import LLM
        from vllm.platforms import current_platform
    except ImportError as error:
        raise not_installed(str(error)) from None
    if current_platform.is_cpu():
        _check_head_size(config)
    if not own and not load:
        check_class(config)
    transfer = own and not load and current_platform.is_cuda()
    several = torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
    with _environment(settings, own), _says_why(path):
        return LLM(
            model=path,
            revision=revision,
            dtype=settings.dtype,
            max_model_len=tokens,
            skip_tokenizer_init=True,
            generation_config="vllm",
            logprobs_mode=logprobs,
            load_format="auto" if load else "dummy",
            tensor_parallel_size=settings.tensor_parallel,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            kv_cache_memory_bytes=None if settings.kv_cache_gib is None else int(settings.kv_cache_gib * 2**30),
            enforce_eager=settings.enforce_eager,
            enable_sleep_mode=not own and current_platform.is_sleep_mode_available(),
            # One engine in each of the launcher's processes, instead of processes started by vLLM.
            distributed_executor_backend="external_launcher" if several and not own else None,
            weight_transfer_config={"backend": "nccl"} if transfer else None,
            worker_extension_cls="steer.engines.vllm_worker.Worker",
            disable_log_stats=True,
        )


def not_installed(reason: str) -> UserError:
    return UserError(
        f"key `rollout.engine`: vLLM is not installed here ({reason}); run `make vllm-setup` and use the `steer` of "
        ".venv-vllm"
    )


@contextmanager
def process_group_kept():
    """Keep the default process group alive, whatever ends inside."""
    destroy = torch.distributed.destroy_process_group

    def others(group=None) -> None:
        if group is not None:
            destroy(group)

    torch.distributed.destroy_process_group = others
    try:
        yield
    finally:
        torch.distributed.destroy_process_group = destroy


@contextmanager
def _environment(settings: Rollout, own: bool):
    """Set the environment variables that vLLM reads at start, and restore them afterwards."""
    changed = {}
    if settings.devices is not None:
        changed["CUDA_VISIBLE_DEVICES"] = _devices(settings)
    if not own and "LOCAL_RANK" in os.environ:
        # Each training process sees only one device (`steer.models.devices`).
        changed["LOCAL_RANK"] = "0"
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def _devices(settings: Rollout) -> str:
    """Return this training process's share of `rollout.devices`, in CUDA's names."""
    first = int(os.environ.get("LOCAL_RANK", "0")) * settings.tensor_parallel
    chosen = settings.devices[first : first + settings.tensor_parallel]
    return ",".join(map(str, chosen))


@contextmanager
def _says_why(path: str):
    """Report in one line what vLLM refuses: too little memory, an unknown architecture, an impossible setting."""
    try:
        yield
    except (ValueError, RuntimeError, NotImplementedError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(f"rollout: vLLM does not start with {path}: {' '.join(lines)[:500]}") from None


def _check_head_size(config) -> None:
    """Refuse head sizes that the CPU kernels do not support, which would fail at the first prompt."""
    from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    sizes = CPUAttentionBackend.get_supported_head_sizes()
    if size not in sizes:
        raise UserError(
            f"key `rollout.engine`: vLLM on a CPU has no attention for heads of size {size}; use `local`, or a model "
            f"with one of {', '.join(map(str, sizes))}"
        )


def check_class(config) -> None:
    """Refuse models for which vLLM has no class of its own: it changes transformers' class, which the trainer uses."""
    from vllm import ModelRegistry

    for name in config.architectures or ():
        known = ModelRegistry.models.get(name)
        if known is None or getattr(known, "module_name", "").split(".")[-1] == "transformers":
            raise UserError(borrowed(name))


def check_room(held: int, samples: int, tokens: int) -> None:
    """Check that the cache holds one prompt's samples at full length; otherwise vLLM would preempt and redo forever."""
    if held < samples * tokens:
        raise UserError(
            f"rollout: vLLM's cache holds {held} tokens, but the {samples} samples of one prompt take up to "
            f"{samples * tokens}; raise rollout.kv_cache_gib or rollout.gpu_memory_utilization, or lower the samples "
            "or max_response_tokens"
        )

"""Which models vLLM cannot serve while they are trained, by transformers' `model_type`. Without torch."""

from steer.configs.schema import Rollout

# vLLM keeps these models' matrices in forms whose parts the weights' checksum does not know.
FUSED = frozenset({"phi3", "phi4mm", "glm4"})
# vLLM 0.32 has no class of its own for these. It changes transformers', which a trainer in the same process uses.
BORROWED = frozenset({"olmo2", "olmo3", "smollm3"})


def refusal(family: str, rollout: Rollout, path: str) -> str | None:
    """Say why a model of this type cannot be trained with this engine; None if it can."""
    if rollout.engine != "vllm":
        return None
    if family in FUSED:
        return uncheckable(family, path, "matrices that are fused in its checkpoint")
    if family in BORROWED and rollout.placement == "colocated":
        return borrowed(f"{path} ({family})")
    return None


def devices_lacking(rollout: Rollout, processes: int) -> str | None:
    """Say what `rollout.devices` lacks for training on GPUs with that many processes; None if nothing."""
    if rollout.engine != "vllm" or rollout.placement != "own":
        return None
    if rollout.devices is None:
        return "key `rollout.devices`: name the GPUs that `placement: own` is to use beside the trainer's"
    if len(set(rollout.devices)) < processes * rollout.tensor_parallel:
        return (
            f"key `rollout.devices`: {len(set(rollout.devices))} devices are too few; name tensor_parallel "
            f"({rollout.tensor_parallel}) of them for each of the {processes} training processes"
        )
    return None


def uncheckable(family: str, path: str, kind: str) -> str:
    return (
        f"key `rollout.engine`: {path} ({family}) has {kind}, and what vLLM serves of it in training cannot be "
        "checked; use `local`, or another model"
    )


def borrowed(what: str) -> str:
    return (
        f"key `rollout.engine`: vLLM serves {what} with transformers' class and changes it, so that the trainer cannot "
        "use it; set `rollout.placement: own`, use `local`, or another model"
    )

"""The section of a configuration that says what samples responses."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from steer.configs.model import Positive, Section


class Rollout(Section):
    """The engine that samples responses, in training and in evaluation. docs/engines.md."""

    engine: Literal["local", "vllm", "openai"] = Field(
        "local",
        description="the trainer's own torch model, vLLM, or a server with OpenAI's interface (evaluation only)",
    )
    url: str | None = Field(None, description="openai: base address of the server, `http://localhost:8000/v1`")
    requests: Positive = Field(32, description="openai: maximum number of simultaneous requests")
    retries: Annotated[int, Field(ge=0)] = Field(
        6, description="openai: how often a failed request is repeated (busy server, lost connection)"
    )
    timeout_s: Annotated[float, Field(gt=0)] = Field(600, description="openai: wall seconds for one response")
    lean: bool = Field(
        True, description="local: fewer calls per token for known architectures; false: transformers' modules"
    )
    statistics: bool = Field(
        True,
        description="local: record log-probabilities and entropies while sampling, if they equal the trainer's up to "
        "rounding; false: compute them in a separate forward pass",
    )
    placement: Literal["colocated", "own"] = Field(
        "colocated", description="vLLM in the trainer's process and on its device, or in separate processes"
    )
    devices: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, description="`own`: GPUs for vLLM, `tensor_parallel` of them per training process; absent: those visible"
    )
    tensor_parallel: Positive = Field(1, description="GPUs that one vLLM spreads the model over")
    dtype: Literal["float32", "bfloat16", "float16"] = Field("bfloat16", description="type of vLLM's weights and cache")
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = Field(0.5, description="share of the device for vLLM")
    kv_cache_gib: Annotated[float, Field(gt=0)] | None = Field(
        None, description="memory for keys and values; absent: what `gpu_memory_utilization` leaves"
    )
    enforce_eager: bool = Field(False, description="no compilation and no CUDA graphs: starts sooner, runs slower")
    stop: list[str] = Field(
        default_factory=list, description="tokens that end a response in addition to the end of sequence, `<|im_end|>`"
    )

    @model_validator(mode="after")
    def _placed(self) -> "Rollout":
        if self.placement == "colocated" and (self.tensor_parallel > 1 or self.devices is not None):
            raise ValueError("tensor_parallel and devices need `placement: own`")
        if self.engine == "openai" and not (self.url or "").startswith(("http://", "https://")):
            raise ValueError("engine `openai` needs `url`, the server's base address such as http://localhost:8000/v1")
        return self

"""verl on a machine without a GPU: a platform for it, and a rollout engine. Loaded by VERL_USE_EXTERNAL_MODULES.

verl's own engines, workers, transfer queue and reward loop run as they are. The rollout engine is our local one, as a
Ray actor that the actor's workers send their weights to, through verl's own interfaces for such engines.
"""

import functools
import os
from contextlib import contextmanager
from types import SimpleNamespace

import ray
import torch
from verl.plugin.platform import PlatformBase, set_platform

# Ray's fake GPUs are numbered in here; without it verl would look for a real one.
os.environ["VERL_ENGINE_DEVICE"] = "cuda"


def _nothing(*args, **kwargs) -> None:
    return None


class PlatformCPU(PlatformBase):
    device_name = "cpu"
    vendor_name = "none"
    device_module = SimpleNamespace(
        is_available=lambda: False,
        current_device=lambda: "cpu",
        device_count=lambda: 1,
        get_device_name=lambda *args: "CPU",
        max_memory_allocated=lambda: 0,
        max_memory_reserved=lambda: 0,
        memory_allocated=lambda: 0,
        memory_reserved=lambda: 0,
        mem_get_info=lambda: (0, 0),
        get_rng_state=torch.get_rng_state,
        set_rng_state=torch.set_rng_state,
        set_per_process_memory_fraction=_nothing,
        empty_cache=_nothing,
        synchronize=_nothing,
        set_device=_nothing,
    )
    set_device = synchronize = manual_seed = manual_seed_all = set_allocator_settings = empty_cache = _nothing
    profiler_start = profiler_stop = cudart = _nothing

    def is_available(self) -> bool:
        return True

    def current_device(self) -> str:
        return "cpu"  # what tensors are sent to

    def device_count(self) -> int:
        return 1

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str):
        yield

    def ray_resource_name(self) -> str:
        return "GPU"  # Ray's, of which a test says how many there are

    def ray_noset_envvars(self) -> list[str]:
        return []

    def is_ipc_supported(self) -> bool:
        return False


set_platform(PlatformCPU())

from verl.workers import engine_workers  # noqa: E402  after the platform is there
from verl.workers.rollout import base, replica  # noqa: E402

# verl asks torch for `cpu:gloo,<device>:<backend>`, which names the CPU twice here; torch refuses that.
engine_workers.initialize_global_process_group_ray = functools.partial(
    engine_workers.initialize_global_process_group_ray, backend="cpu:gloo"
)
base._ROLLOUT_REGISTRY[("cpu", "async")] = "cpu_verl.Adapter"


def server_name(rank: int) -> str:
    return f"cpu_server_{rank}"


class Adapter(base.BaseRollout):
    """In each of the actor's workers: passes its weights on to the server of its replica."""

    def __init__(self, config, model_config, device_mesh):
        super().__init__(config, model_config, device_mesh)
        self.rank = torch.distributed.get_rank()

    async def resume(self, tags):
        pass

    async def release(self):
        pass

    async def update_weights(self, weights, global_steps=None, **kwargs):
        marker = os.environ.get("CPU_VERL_DIE_ONCE")
        if marker and global_steps == 1 and not os.path.exists(marker):
            torch.distributed.barrier()  # so that the other process sees the same
            open(marker, "w").close()
            raise RuntimeError("the test kills this run after its first step")
        state = {name: tensor.detach().float().clone() for name, tensor in weights}
        await ray.get_actor(server_name(self.rank)).load.remote(state, global_steps)


class Server:
    """One replica: the model and our local engine."""

    def __init__(self, folder: str, limit: int):
        from steer.engines.local import LocalEngine
        from steer.models.load import load_model, load_tokenizer

        torch.set_num_threads(1)
        self.model = load_model(folder)
        self.engine = LocalEngine(self.model, load_tokenizer(folder))
        self.limit, self.steps = limit, None
        self.generator = torch.Generator().manual_seed(0)

    async def load(self, state, steps):
        self.model.load_state_dict(state, strict=False)
        self.steps = steps

    async def generate(self, request_id, *, prompt_ids, sampling_params, **kwargs):
        from steer.engines.sampling import Sampling

        sampling = Sampling(1, sampling_params["temperature"], sampling_params["top_p"], self.limit)
        with torch.no_grad():
            found = self.engine.generate([list(prompt_ids)], sampling, self.generator)[0][0]
        extra = {"global_steps": self.steps}
        return replica.TokenOutput(
            token_ids=found.tokens, log_probs=found.logprobs, stop_reason="completed", extra_fields=extra
        )

    async def wake_up(self):
        pass

    async def sleep(self):
        pass


class Replica(replica.RolloutReplica):
    async def launch_servers(self):
        options = {"name": server_name(self.replica_rank), "num_cpus": 0}
        server = ray.remote(Server).options(**options).remote(self.model_config.path, self.config.response_length)
        self.servers, self._server_handle = [server], server
        self._server_address = server_name(self.replica_rank)


replica.RolloutReplicaRegistry.register("cpu", lambda: Replica)

"""Checks run by verl's own Python before anything starts.

It checks verl's version, our plugin, the configuration against verl's schema, and the cluster's availability and size.
The request is JSON on standard input; an error gives status 2 and one line on standard error.
"""

import json
import os
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from steer.engines.verl import VERSION
from steer.errors import UserError

PATIENCE_S = 10


def main() -> int:
    request = json.load(sys.stdin)
    try:
        check_version()
        check_plugin()
        config = compose(request["overrides"])
        check_gpus(config, request["address"])
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def check_version() -> None:
    try:
        found = version("verl")
    except PackageNotFoundError:
        raise UserError(f"{sys.executable}: verl is not installed; run `make verl-setup`") from None
    if found != VERSION:
        raise UserError(f"verl {found} is installed, {VERSION} is needed; run `make verl-setup`")


def check_plugin() -> None:
    """Report errors while the plugin loads, which verl suppresses."""
    from verl.trainer.ppo.v1 import get_trainer_cls

    try:
        get_trainer_cls("steer")
    except ValueError:
        policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS")
        reason = f"VERL_USE_EXTERNAL_PLUGINS is {policy!r}" if policy else _import_error()
        raise UserError(f"verl did not load the plugin `steer`: {reason}; run `make verl-setup`") from None


def _import_error() -> str:
    try:
        import steer.engines.verl.trainer  # noqa: F401
    except Exception as error:  # any error: verl suppressed it
        return one_line(error)
    return "the package is not installed there (entry point group verl.plugins)"


def compose(overrides: list[str]) -> Any:
    """Compose verl's configuration with the overrides and check it as verl does; Ray is not started."""
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    try:
        with initialize_config_module("verl.trainer.config", version_base=None):
            # Hydra's own keys configure its program, not verl.
            config = compose("ppo_trainer", overrides=[o for o in overrides if not o.startswith("hydra.")])
        for section in (config.actor_rollout_ref.rollout, config.actor_rollout_ref.model, config.algorithm):
            if section is not config.actor_rollout_ref.model:  # that one reads the model's folder
                omega_conf_to_dataclass(section)
        validate_config(config, need_reference_policy(config), need_critic(config))
    except (HydraException, OmegaConfBaseException, AssertionError, ValueError, TypeError) as error:
        raise UserError(
            f"verl {VERSION} rejects the configuration: {one_line(error)}; correct `verl.overrides`"
        ) from None
    if config.actor_rollout_ref.actor.strategy not in ("fsdp", "fsdp2"):
        raise UserError("verl.overrides: our batch statistics need the strategy fsdp or fsdp2; set `verl.strategy`")
    return config


def check_gpus(config: Any, address: str | None) -> None:
    """Raise `UserError` if the cluster cannot be reached or has fewer GPUs than requested."""
    if config.trainer.device == "cpu":
        return
    wanted = config.trainer.nnodes * config.trainer.n_gpus_per_node
    if address is None:
        import torch

        if config.trainer.nnodes > 1:
            raise UserError(f"verl.nodes is {config.trainer.nnodes}: name the running Ray in `verl.ray_address`")
        found, where = torch.cuda.device_count(), "this machine"
    else:
        found, where = _cluster_gpus(address), f"the Ray cluster at {address}"
    if found < wanted:
        raise UserError(f"{wanted} GPUs are asked for (verl.nodes · verl.gpus_per_node), {where} has {found}")


def _cluster_gpus(address: str) -> int:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise UserError(f"verl.ray_address {address!r}: write host:port")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE_S).close()
    except OSError as error:
        raise UserError(f"verl.ray_address {address}: no Ray cluster can be reached there ({error})") from None
    import ray

    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"verl.ray_address {address}: Ray does not answer there ({one_line(error)})") from None
    try:
        return int(ray.cluster_resources().get("GPU", 0))
    finally:
        ray.shutdown()


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())

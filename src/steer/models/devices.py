"""Choose a free device for a process and lock it for the life of the process.

Parallel jobs (Snakemake assigns no devices) and the processes of one run each take their own. The kernel holds the
lock and releases it when the process ends, however it ends. A device pinned from outside is used without a lock.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from steer.errors import UserError


@dataclass(frozen=True)
class Gpu:
    """`index` as nvidia-smi counts, `uuid`, `free` memory in MiB."""

    index: int
    uuid: str
    free: int


def installed_gpus() -> list[Gpu]:
    """List the machine's GPUs with nvidia-smi, without CUDA: a context on each would cost memory."""
    query = ["nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    rows = [[field.strip() for field in line.split(",")] for line in lines]
    # A GPU split into MIG instances reports no memory.
    return [Gpu(int(index), uuid, int(free)) for index, uuid, free in rows if free.isdigit()]


def visible(gpus: list[Gpu], setting: str | None) -> list[Gpu]:
    """Select the GPUs in CUDA_VISIBLE_DEVICES, by index or the beginning of the uuid."""
    if setting is None:
        return gpus
    names = [name.strip() for name in setting.split(",") if name.strip()]
    return [g for g in gpus if any(name == str(g.index) or (name and g.uuid.startswith(name)) for name in names)]


def take_device(
    leave: Collection[int] = (),
    gpus: Callable[[], list[Gpu]] = installed_gpus,
    folder: Path | None = None,
    pause: float = 5.0,
    count: int = 1,
) -> torch.device:
    """Lock the `count` free GPUs with the most free memory and hide all others from this process and its children.

    Waits while too few are free. Uses the CPU if there is no GPU or torch has no CUDA. `leave`: indices for others.
    Raises `UserError` if there are fewer than `count` at all. Call it before CUDA is used.
    """
    if torch.version.cuda is None and gpus is installed_gpus:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [gpu for gpu in visible(gpus(), setting) if gpu.index not in leave]
    if not found:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if len(found) < count:
        raise UserError(f"{count} GPUs are asked for, {len(found)} can be seen; lower `rollout.tensor_parallel`")
    if len(found) == count and setting is not None:
        return torch.device("cuda")
    if folder is None:
        folder = lock_folder()
    folder.mkdir(parents=True, exist_ok=True)
    said = False
    while not (held := _locked(found, folder, count)):
        if not said:
            print(f"{len(found)} GPUs, of which other runs leave fewer than {count}; waiting", file=sys.stderr)
        said = True
        time.sleep(pause)
        found = [gpu for gpu in visible(gpus(), setting) if gpu.index not in leave]
    os.environ.update(CUDA_VISIBLE_DEVICES=",".join(gpu.uuid for gpu in held), CUDA_DEVICE_ORDER="PCI_BUS_ID")
    return torch.device("cuda")


def lock_folder(parents: Iterable[Path] = (Path("/dev/shm"), Path("/tmp"))) -> Path:
    """Return the folder of the locks, the same for all jobs of this user on this machine.

    XDG_RUNTIME_DIR and TMPDIR are not used: Slurm passes on the first from the login node, where alone it exists, and
    sets the second per job.
    """
    for parent in parents:
        folder = parent / f"steer-devices-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            # Another user's folder: its owner could hold our locks.
            if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK):
                return folder
        except OSError:
            continue
    tried = " nor ".join(map(str, parents))
    raise UserError(f"no folder for the locks of GPUs: neither {tried} can be written; set CUDA_VISIBLE_DEVICES")


def _locked(gpus: list[Gpu], folder: Path, count: int) -> list[Gpu]:
    """Lock the first `count` possible, most free memory first; none if there are fewer."""
    held: dict[int, Gpu] = {}
    for gpu in sorted(gpus, key=lambda gpu: (-gpu.free, gpu.index)):
        if len(held) == count:
            break
        # Closed only at the end of the process, which releases the lock.
        file = os.open(folder / f"{gpu.uuid}.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held[file] = gpu
        except BlockingIOError:
            os.close(file)
    if len(held) == count:
        return list(held.values())
    for file in held:  # another process that waits for several may need these
        os.close(file)
    return []

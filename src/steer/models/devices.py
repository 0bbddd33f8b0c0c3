"""Which device a process computes on: a free one of the machine's, held by a lock for as long as the process lives.

Jobs that run side by side (Snakemake hands out no devices), and the processes of one run, each take their own. The
lock is the kernel's: it goes with the process, however that ends. A device pinned from outside is taken as it is.
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
    """The machine's GPUs by nvidia-smi, without touching any: a CUDA context on each would cost memory."""
    query = ["nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    rows = [[field.strip() for field in line.split(",")] for line in lines]
    # A GPU cut into instances reports no memory of its own.
    return [Gpu(int(index), uuid, int(free)) for index, uuid, free in rows if free.isdigit()]


def visible(gpus: list[Gpu], setting: str | None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES lets a process see, by index or the beginning of the uuid."""
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
    """Lock the `count` free GPUs with most free memory and make them the only ones this process and its children see.

    Waits while too few are free. The CPU where there is none, or torch is built without. `leave`: indices for others.
    `UserError` where fewer than `count` are there at all. Call it before CUDA is used.
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
    """The folder of the locks, the same for all jobs of this user on this machine.

    XDG_RUNTIME_DIR and TMPDIR do not name it: Slurm hands the first on from the login node, where alone it exists, and
    sets the second for each job.
    """
    for parent in parents:
        folder = parent / f"steer-devices-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            # In a folder of another user's, whoever made it could hold our locks.
            if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK):
                return folder
        except OSError:
            continue
    tried = " nor ".join(map(str, parents))
    raise UserError(f"no folder for the locks of GPUs: neither {tried} can be written; set CUDA_VISIBLE_DEVICES")


def _locked(gpus: list[Gpu], folder: Path, count: int) -> list[Gpu]:
    """The first `count` that could be locked, most free memory first; none where there are fewer."""
    held: dict[int, Gpu] = {}
    for gpu in sorted(gpus, key=lambda gpu: (-gpu.free, gpu.index)):
        if len(held) == count:
            break
        # Closed by the process' end alone: that gives the lock back.
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

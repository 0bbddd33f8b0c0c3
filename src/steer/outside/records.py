"""Records of a log, joined into one run; handles sessions, resumes and repeated steps."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from steer.errors import UserError

# Keys with the time of a line; several lines of a step may share them.
CLOCKS = {"step", "time", "epoch", "_step", "_timestamp", "_runtime", "elapsed_seconds", "training/global_step"}
CLOCKS |= {"train/global_step", "train/epoch", "training/epoch", "training_step", "global_step"}
LARGEST = 10**12  # no step is as large
# Keys that `transformers` logs once at the end of a run.
CLOSING = {"train_runtime", "train_loss", "train_samples_per_second", "train_steps_per_second", "total_flos"}


@dataclass(frozen=True)
class Record:
    """Some metrics of one step. `session` changes when the log shows another writing process."""

    step: int
    values: dict[str, float | None]
    session: str = ""


@dataclass
class Log:
    """One log. `rows`: step → their key → value. `fixed`: printed with three decimals, as by old verl.

    `replaced`: steps repeated after a resume; `planned`: planned steps of the run; `notes`: sentences for its owner.
    """

    format: str
    rows: dict[int, dict[str, float | None]] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    lines: int = 0
    replaced: set[int] = field(default_factory=set)
    planned: int | None = None
    notes: list[str] = field(default_factory=list)
    fixed: bool = False
    step_counts: str = "rollout batches"


def is_validation(key: str) -> bool:
    return key.removeprefix("message/").startswith(("val-", "eval/", "eval_", "val/", "test_score/"))


class Joiner:
    """Adds records to a log in the order of its files.

    A line with only a validation is merged into its step. A session that begins within the earlier steps is a resume:
    its lines replace theirs entirely. A session that begins again at step 0 or 1 is a second run and raises
    `UserError`. Lines of one step with different keys belong together. `ordered`: steps only rise within a session of
    this format.
    """

    def __init__(self, log: Log, ordered: bool = False):
        self.log, self.ordered = log, ordered
        self.part, self.owner = 0, {}
        self.last, self.session = -1, None

    def add(self, records: Iterable[Record], name: str) -> None:
        for record in records:
            self._add(record, name)
            self.last, self.session = record.step, record.session

    def _add(self, record: Record, name: str) -> None:
        step, rows = record.step, self.log.rows
        validation = all(map(is_validation, record.values.keys() - CLOCKS))
        present = {key for key, value in rows.get(step, {}).items() if value is not None} - CLOCKS
        again = bool(record.values.keys() & present)
        fell = step < self.last or (step == self.last and again)
        # Only a run that resumes from its first step validates at step 1 before it trains.
        anew = step == 0 or (step == 1 and not validation)
        begun = self.session is not None and record.session != self.session
        begun = begun or (fell and (self.ordered or (again and (anew or not validation))))
        if begun and rows:
            if anew:
                remedy = "split them and import each into a folder of its own"
                raise UserError(f"{name}: two runs in one file, the second begins at step {step}; {remedy}")
            self.part += 1
        if validation or step not in rows:
            rows.setdefault(step, {}).update(record.values)
            self.owner.setdefault(step, self.part)
        elif self.owner[step] == self.part or not again:
            rows[step].update(record.values)
        else:
            if any(not is_validation(key) for key in present):
                self.log.replaced.add(step)
            rows[step], self.owner[step] = dict(record.values), self.part

    def finish(self) -> None:
        """Note steps that the last session did not repeat."""
        left = [step for step in self.log.rows if step > self.last and self.owner[step] < self.part]
        if left:
            said = f"the last session ends at step {self.last}; steps {min(left)} to {max(left)} are of one before it"
            self.log.notes.append(said)

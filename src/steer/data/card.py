"""docs/data-card.md from configs/datasets: `python -m steer.data.card` writes it."""

from pathlib import Path

from steer.configs.dataset import DataSet
from steer.data.sets import known_sets
from steer.io import atomic_write

OUTPUT = Path("docs/data-card.md")
HEAD = """# Data card

This page lists the source, revision and licence of every data set. None of this data is part of the repository: a run
reads the files in `data.data_dir`, or fetches the revision named here from the hub. The licence is what the source
states; if it states none, ask the owners before you pass the rows on. [data.md](data.md) says how to add a set and what
cleaning removes. The page is written by `python -m steer.data.card` (`make docs`) from `configs/datasets`.

- **Purpose.** Benchmarks measure how often answers and programs are judged correct; training sets reward a policy.
- **Contamination.** Many of these problems are on public pages and may be in a base model's pretraining data. Training
  rows that repeat an evaluation problem are removed; what a base model saw in pretraining cannot be removed.
- **People.** The rows are problems, answers and tests; they contain no personal data that we know of.
- **Synthetic sets.** The nine families of the default experiment and the tasks of reasoning-gym are generated from a
  seed; they have no rows to license.
"""


def render() -> str:
    """The whole page: one row for each data set."""
    lines = [HEAD.rstrip(), "", "| set | kind | source | revision | rows | licence | note |", "|---" * 7 + "|"]
    for name, spec in known_sets().items():
        rows = spec.rows or next((copy.rows for copy in spec.known if copy.rows), None)
        cells = (
            f"[`{name}`](../configs/datasets/{name}.yaml)",
            spec.kind,
            _source(spec),
            f"`{spec.revision[:12]}`" if spec.revision else "newest" if spec.hub else "–",
            str(rows or "–"),
            spec.licence or "none stated",
            " ".join(spec.note.split()),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _source(spec: DataSet) -> str:
    if spec.hub:
        return f"[{spec.hub}](https://huggingface.co/datasets/{spec.hub}), {spec.split}"
    return f"file `{spec.local or spec.file}`"


if __name__ == "__main__":
    atomic_write(OUTPUT, render())
    print(OUTPUT)

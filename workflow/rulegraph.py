"""docs/rulegraph.svg: the rules of the workflow and what they hand on (`make rulegraph`).

Snakemake says which rule needs which; networkx puts them into layers, and matplotlib draws: graphviz need not be there.
"""

import re
import subprocess
from pathlib import Path

import matplotlib
import networkx

matplotlib.use("svg")
from matplotlib import pyplot

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs/rulegraph.svg"


def rules() -> networkx.DiGraph:
    """The rules of the default experiment, each with an edge to those that read what it makes."""
    line = ["snakemake", "--snakefile", "workflow/Snakefile", "--forceall", "--rulegraph", "dot"]
    text = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r'(\d+)\[label = "([^"\\]+)', text))
    graph = networkx.DiGraph((names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", text))
    return networkx.transitive_reduction(graph)


def draw(graph: networkx.DiGraph) -> None:
    """Layers from left to right: a rule stands one layer after the last of those that it needs."""
    for layer, members in enumerate(networkx.topological_generations(graph)):
        for name in members:
            graph.nodes[name]["layer"] = layer
    places = networkx.multipartite_layout(graph, subset_key="layer")
    figure, axes = pyplot.subplots(figsize=(11, 2.6), layout="constrained")
    colour = "#4477aa"
    networkx.draw_networkx_edges(graph, places, ax=axes, edge_color="#777777", node_size=4200, arrowsize=14)
    for name, (x, y) in places.items():
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": colour, "linewidth": 1.5}
        axes.text(x, y, name.replace("_", " "), ha="center", va="center", fontsize=11, bbox=box)
    axes.margins(0.06, 0.25)
    axes.set_axis_off()
    matplotlib.rcParams["svg.hashsalt"] = "rulegraph"
    figure.savefig(TARGET, metadata={"Date": None})


if __name__ == "__main__":
    draw(rules())
    print(TARGET.relative_to(ROOT))

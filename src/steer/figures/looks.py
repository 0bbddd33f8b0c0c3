"""The look of a run: colour, dashes and marker.

A known run has a fixed look, the same in every figure and in the report. Its colours are Okabe and Ito's and Tol's
muted set, both made for colour-blind readers; dashes and markers tell the curves apart without colour. Other runs get
colours that differ within an experiment.
"""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

Look = dict[str, Any]
DASHES: dict[str, Any] = {
    "solid": "-",
    "dashed": (0, (5, 2)),
    "dotted": (0, (1, 1.5)),
    "dashdot": (0, (6, 2, 1.2, 2)),
    "dashdotdot": (0, (6, 2, 1.2, 2, 1.2, 2)),
    "long": (0, (9, 3)),
}
KNOWN: dict[str, tuple[str, str, str]] = {
    "base": ("#6e6e6e", "dotted", "X"),
    "oracle": ("#b0b0b0", "dashdot", "*"),
    "grpo": ("#000000", "solid", "o"),
    "clip_higher": ("#0072B2", "dashed", "s"),
    "entropy_regularisation": ("#E69F00", "dashdot", "^"),
    "perplexity_shaping": ("#009E73", "dotted", "D"),
    "position_shaping": ("#CC79A7", "dashdotdot", "v"),
    "steer": ("#D55E00", "long", "P"),
    "rloo": ("#56B4E9", "solid", "<"),
    "opo": ("#332288", "dashed", ">"),
    "dr_grpo": ("#882255", "dashdot", "h"),
    "w_reinforce": ("#44AA99", "dashed", "p"),
    "fork_tokens": ("#117733", "solid", "d"),
    "entropy_advantage": ("#999933", "dashed", "*"),
    "clip_cov": ("#AA4499", "solid", "X"),
    "kl_cov": ("#CC6677", "dashed", "H"),
    "dapo": ("#88CCEE", "dashdot", "8"),
    "opefo": ("#661100", "dashed", "o"),
    "covariance_kernel": ("#6699CC", "dashdotdot", "s"),
    "rlrt": ("#888888", "solid", "^"),
    "stare": ("#DDCC77", "solid", "D"),
    "adaptive_entropy": ("#999933", "dotted", "v"),
    "aent": ("#117733", "dashed", "<"),
    "siren": ("#56B4E9", "dashdot", "X"),
    "gtpo": ("#AA4499", "dotted", ">"),
    "grpo_kl": ("#4D4D4D", "long", "h"),
    "sapo": ("#0072B2", "dotted", "H"),
    "dppo": ("#CC6677", "dashdot", "p"),
    "bapo": ("#6699CC", "solid", "p"),
    "maxrl": ("#117733", "dashdot", "8"),
    "pass_at_k": ("#332288", "long", "X"),
    "lite_ppo": ("#DDCC77", "dotted", "<"),
    "scale_rl": ("#44AA99", "dashdot", ">"),
    "clip_b": ("#882255", "dotted", "*"),
    "clip_v": ("#882255", "long", "H"),
    "entropic": ("#999933", "long", "s"),
    "steer_asymmetric": ("#A6761D", "dashdot", "o"),
    "uniform": ("#B0B0B0", "solid", "v"),
    "permuted": ("#B0B0B0", "dashed", "^"),
    "norm_matched": ("#B0B0B0", "dotted", "8"),
    "damp_random": ("#B0B0B0", "dashdot", "o"),
    "steer_quantile": ("#F2A65A", "long", "v"),
    "steer_linear": ("#E69F00", "dashed", "d"),
    "steer_binary": ("#A6761D", "dotted", "h"),
    "steer_signed": ("#882255", "dashdot", "<"),
    "steer_target": ("#44AA99", "long", "^"),
    "rloo_steer": ("#56B4E9", "dashed", "P"),
    "opo_steer": ("#332288", "dotted", "P"),
    # The stress test: each method's own colour.
    "extreme_clipping": ("#000000", "dashed", "D"),
    "extreme_clipping_steer": ("#D55E00", "dashed", "X"),
    "extreme_entropy_advantage": ("#999933", "dotted", "*"),
    "extreme_entropy_loss": ("#E69F00", "dotted", "^"),
    "extreme_clip_cov": ("#AA4499", "dotted", "X"),
    # Sweeps: shades of the method that is swept, darker with more effect.
    "steer_0.9": ("#F2A65A", "dotted", "o"),
    "steer_0.8": ("#E58A3C", "dashed", "h"),
    "steer_0.7": ("#D55E00", "dashdot", "P"),
    "steer_0.5": ("#8F3F00", "long", "d"),
    "steer_0.1": ("#4D2200", "dashdotdot", "<"),
    "high_0.20": ("#56B4E9", "dotted", "d"),
    "high_0.28": ("#0072B2", "dashed", "s"),
    "high_0.50": ("#08306B", "long", "8"),
    "steer_high_0.20": ("#F2A65A", "dashdot", "H"),
    "steer_high_0.28": ("#D55E00", "solid", "P"),
    "steer_high_0.50": ("#8F3F00", "dashdotdot", ">"),
    "signed_0.7": ("#CC79A7", "dotted", "o"),
    "signed_0.5": ("#AA4499", "dashdot", "v"),
    "signed_0.1": ("#5E1A52", "dashdotdot", "D"),
    "target_0.15": ("#7CCBA2", "dashed", "8"),
    "target_0.20": ("#229977", "long", "^"),
    "target_0.30": ("#0B4F3C", "solid", "P"),
    "steer_covariance": ("#E69F00", "dashdotdot", "h"),
    "steer_opefo": ("#661100", "dotted", "p"),
}
OTHER_COLOURS = ["#332288", "#117733", "#44AA99", "#6699CC", "#999933", "#CC6677", "#882255", "#AA4499", "#661100"]
OTHER_MARKERS = ["o", "s", "^", "D", "v", "P", "<", ">", "h", "p", "d", "X"]
CORRECT: Look = {"color": "#0072B2", "linestyle": DASHES["solid"], "marker": "o"}
WRONG: Look = {"color": "#D55E00", "linestyle": DASHES["dashed"], "marker": "s"}


def looks(runs: Iterable[str]) -> dict[str, Look]:
    """Map each run to `color`, `linestyle` and `marker`; unknown runs share colours with no other of `runs`."""
    runs = list(dict.fromkeys(runs))
    unknown = [run for run in runs if run not in KNOWN]
    colours = [colour for colour in OTHER_COLOURS if colour not in {KNOWN[run][0] for run in runs if run in KNOWN}]
    if len(unknown) > len(colours):
        import seaborn as sns  # takes a second, and few experiments need it

        colours = sns.husl_palette(len(unknown), s=0.8, l=0.55).as_hex()
    taken = {KNOWN[run][1:] for run in runs if run in KNOWN}
    pairs = cycle([pair for pair in _pairs() if pair not in taken])
    found = KNOWN | {run: (colour, *pair) for run, colour, pair in zip(unknown, colours, pairs, strict=False)}
    return {run: {"color": found[run][0], "linestyle": DASHES[found[run][1]], "marker": found[run][2]} for run in runs}


def _pairs() -> list[tuple[str, str]]:
    """List all pairs of a dash and a marker; neighbours differ in both."""
    count = len(OTHER_MARKERS)
    places = [(turn, place) for turn in range(count) for place in range(len(DASHES))]
    marker = {(turn, place): (place + turn * len(DASHES) + turn // 2) % count for turn, place in places}
    return [(list(DASHES)[place], OTHER_MARKERS[marker[turn, place]]) for turn, place in places]

"""The entropy change of single updates, measured on real models and compared with its estimates (docs/theory.md)."""

# Update measured → its name in tables and figures. Here, since figures need no torch.
UPDATES = {"sgd": "SGD", "adamw": "AdamW", "adamw_warm": "AdamW, warm", "own": "own part of SGD"}

"""Measure the entropy change of single updates and compare it with its estimates (docs/theory.md)."""

# Measured update → its name in tables and figures. Defined here because figures do not import torch.
UPDATES = {"sgd": "SGD", "adamw": "AdamW", "adamw_warm": "AdamW, warm", "own": "own part of SGD"}

"""verl as the trainer: the same methods on Ray, for runs that do not fit one machine. See docs/verl.md.

Only `carried`, `overrides`, `files` and `launch` are imported outside verl's own environment; the rest imports verl.
"""

VERSION = "0.9.1"

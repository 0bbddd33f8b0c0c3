"""verl as the trainer: the same methods on Ray, for runs that outgrow one machine. docs/verl.md.

Only `carried`, `overrides`, `files` and `launch` are imported outside verl's own environment; the rest imports verl.
"""

VERSION = "0.9.1"

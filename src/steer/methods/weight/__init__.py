"""Slot 4, `weight`: λ (S, T) on each token's surrogate loss; the denominator stays the number of all tokens.

Each function takes the `Tokens` of the whole update batch, without gradient, with shaped `advantage` and `unclipped`
set, and the `Context`. Entries outside the mask are not read; λ is 1 there. Symbols: docs/notation.md.
"""

"""Slot 4, `weight`: λ (S, T) on each token's surrogate loss; the denominator stays the number of all tokens.

Each function takes the `Tokens` of the whole update batch, without gradient, its `advantage` already shaped and
`unclipped` set, and the `Context`. What lies outside the mask is not read; λ is 1 there.
"""

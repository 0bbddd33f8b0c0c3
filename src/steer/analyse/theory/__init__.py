"""The entropy change of single updates, measured on real models and compared with its estimates (docs/theory.md)."""

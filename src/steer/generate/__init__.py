"""Sample responses of a model, or of the oracle, to the evaluation problems."""

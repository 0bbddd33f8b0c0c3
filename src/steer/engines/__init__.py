"""Rollout engines: sample responses to prompts, with log-probabilities."""

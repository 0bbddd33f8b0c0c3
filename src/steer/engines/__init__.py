"""Rollout engines: what turns prompts into responses with their log-probabilities."""

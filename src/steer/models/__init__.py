"""Tokenizers, models and their forward passes."""

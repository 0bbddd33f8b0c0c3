"""Verdicts on stored responses, without generating again."""

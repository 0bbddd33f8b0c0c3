"""Checks before long runs: `steer plan` estimates costs, `steer dry` takes two training steps."""

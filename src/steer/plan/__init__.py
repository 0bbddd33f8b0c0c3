"""What can be known before hours are spent: `steer plan` reckons, `steer dry` tries two steps."""

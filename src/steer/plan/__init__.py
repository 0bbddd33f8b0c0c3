"""What can be known before hours are spent: `steer dry` tries two steps of every run."""

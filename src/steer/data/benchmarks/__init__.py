"""Published data sets: readers of their rows, prompts, and the loader of all data sets (`load`)."""

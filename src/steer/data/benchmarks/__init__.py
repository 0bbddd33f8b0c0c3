"""The published sets: readers of their rows, prompts, and the one loader of all data sets (`load`)."""

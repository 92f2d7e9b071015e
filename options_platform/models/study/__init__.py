"""What is said of a model after a backfill: scores, trials, and how much of the best is luck."""

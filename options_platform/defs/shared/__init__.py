"""What assets of several subjects use: partitions, run context, options, retries."""

"""Used by the assets of several subjects: partitions, run context, asset options, order tags."""

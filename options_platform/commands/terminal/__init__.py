"""What a terminal sends and shows: the arguments, completion, tables, prose and progress."""

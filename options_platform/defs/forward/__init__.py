"""`forward_record`: the plans of every rule set, chained before the next open."""

"""What is computed: rules and formulas on frames and arrays, the same for past and present.

No clock, environment, disk, network or framework; what needs them belongs to `services/`.
"""

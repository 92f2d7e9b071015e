"""What tests and benchmarks share: markets, plans, an account at the fake broker.

Nothing of the platform imports it. What one test file alone needs stays in that file.
"""

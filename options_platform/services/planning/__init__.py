"""Reads the inputs of plans, and converts plans to tables and orders.

The rules of planning belong to `domain.planning`, sending orders to `services.trading`.
"""

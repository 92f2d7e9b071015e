"""Packages of others that extend the platform: writing one from a template.

How members of such packages are found belongs to `options_platform.extensions`.
"""

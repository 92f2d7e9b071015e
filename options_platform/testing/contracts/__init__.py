"""Contract suites for members of the platform in packages of others; they need pytest.

A test class derives from one and names the member. The package has to be installed, since the
suites also ask whether its entry point is found.
"""

"""Settings that all tests share."""

import os

from hypothesis import settings

# An automatic check must say the same thing twice; at a desk, new examples each time find more.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

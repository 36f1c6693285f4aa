"""What all tests share: the same random numbers in every run."""

import os
import sys

import pytest

# Under JAX the tests mostly wait for its compiler.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


@pytest.fixture(autouse=True)
def seeded():
    """Initial weights and dropout do not differ from run to run."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def released():
    """What one file compiled does not weigh on the next."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=True)

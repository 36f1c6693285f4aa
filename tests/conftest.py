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


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory):
    """What `imcap demo` leaves after a few epochs: it says something."""
    from imcap.cli import demo
    from imcap.demo import training

    path = tmp_path_factory.mktemp("demo") / "run"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "WORD_EPOCHS", 1)
        status = demo.main(
            ["--output", str(path), "--images", "120", "--held_out", "8"]
            + ["--epochs", "4"]
        )
    assert status == 0
    return path

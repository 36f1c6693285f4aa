"""What all tests share: the same random numbers in every run."""

import gc
import os
import shutil
import sys

import pytest

# The tests mostly wait for compilers.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Mistakes of ours are not put into one line.
os.environ.setdefault("IMCAP_TRACEBACK", "1")


def pytest_configure(config):
    """Has processes that share the tests begin files in our order."""
    if hasattr(config.option, "loadscopereorder"):  # of pytest-xdist
        config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Puts files with slow tests first, so that none is begun last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    """Has the collector pass over what was imported: most of the memory."""
    gc.collect()
    gc.freeze()


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
def trained_once(tmp_path_factory):
    """A tiny training of two epochs; tests take `trained`, a copy."""
    from helpers.tiny_data import flags, prepare_folder
    from imcap.cli import train

    folder = prepare_folder(tmp_path_factory.mktemp("trained"))
    assert train.main(flags(folder)) == 0
    return folder


@pytest.fixture
def trained(trained_once, tmp_path):
    """captions.json, features.h5 and `run`, trained on them."""
    return shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def pairs(tmp_path):
    """A folder with data/tiny_precomp, for matching."""
    from helpers.tiny_pairs import write_folder

    write_folder(tmp_path / "data" / "tiny_precomp")
    return tmp_path


@pytest.fixture(scope="session")
def matched_once(tmp_path_factory):
    """A tiny training of a matcher; tests take `matching_run`, a copy."""
    from helpers.matching_runs import train
    from helpers.tiny_pairs import write_folder

    folder = tmp_path_factory.mktemp("matched")
    write_folder(folder / "data" / "tiny_precomp")
    assert train(folder, lr_update=1, max_violation=True) == 0
    return folder


@pytest.fixture
def matching_run(matched_once, tmp_path):
    """A run of two epochs, which knows where its data lie."""
    return shutil.copytree(matched_once / "run", tmp_path / "run")


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

"""Start-up: backends, compiled steps, and noise of compiled code."""

import os
import subprocess
import sys

import keras
import pytest

from imcap.errors import InputError
from imcap.startup import check_backend, is_compiled

WRITE = """
import os, sys
from imcap.startup import hide_noise, quiet_start
if sys.argv[1] == "hide":
    hide_noise()
with quiet_start():
    os.write(2, b"while it starts\\n")
print("from Python", file=sys.stderr)
for line in sys.stdin:
    os.write(2, line.encode())
if sys.argv[2] == "abort":
    os.abort()
"""
NOISE = [
    "I0000 00:00:1764260000.1 123 service.cc:152] XLA service 0x1 initialized",
    "W0000 00:00:1764260000.1 123 gpu_device.cc:2341] Cannot dlopen",
    "2026-01-02 03:04:05.678: I tensorflow/core/util/port.cc:153] oneDNN",
    "WARNING: All log messages before absl::InitializeLog() is called",
    "Corrupt JPEG data: premature end of data segment",
    "libpng warning: iCCP: known incorrect sRGB profile",
]
REAL = [
    "E0000 00:00:1764260000.1 123 cuda.cc:1] CUDA_ERROR_OUT_OF_MEMORY",
    "F0000 00:00:1764260000.1 123 check.cc:1] Check failed",
    "Traceback (most recent call last):",
    "I like dogs",
]


def stderr_of(*words, **environment):
    """What a process writes that is told to write all of these lines."""
    kept = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", WRITE, *words],
        input="".join(f"{line}\n" for line in [*NOISE, *REAL]),
        capture_output=True,
        text=True,
        env=kept | environment,
        check=False,
    )
    return done.stderr.splitlines()


@pytest.mark.parametrize("end", ["plainly", "abort"])
def test_noise_is_kept_off(end):
    assert sorted(stderr_of("hide", end)) == sorted(["from Python", *REAL])


def test_nothing_is_hidden_where_it_was_asked_for():
    everything = ["from Python", *NOISE, *REAL]
    assert stderr_of("show", "plainly") == everything
    assert stderr_of("hide", "plainly", TF_CPP_MIN_LOG_LEVEL="0") == everything


def test_steps_are_compiled_on_jax_and_where_asked(monkeypatch):
    assert is_compiled(True)
    for name in ("jax", "tensorflow"):
        monkeypatch.setattr(keras.backend, "backend", lambda name=name: name)
        assert is_compiled(False) == (name == "jax")


def test_other_backends_are_refused():
    check_backend("jax")
    with pytest.raises(InputError, match="KERAS_BACKEND=torch: imcap runs on"):
        check_backend("torch")

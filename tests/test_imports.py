"""Which part may import which, and what imports cost."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "imcap"
# What each folder may import besides itself.
ALLOWED = {
    "data": set(),
    "layers": set(),
    "decoding": set(),
    "metrics": set(),
    "models": {"layers"},
    "training": {"decoding", "metrics"},
    "web": set(),
}


def imported(path):
    """All modules a file imports, inside functions too, as dotted names."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.append(node.module)
            # `from imcap import data` imports imcap.data.
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def folder_of(name):
    """'layers' for imcap.layers.masking, None for what is not of imcap."""
    parts = name.split(".")
    if parts[0] != "imcap" or len(parts) < 2:
        return None
    return parts[1]


def files(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


def test_every_folder_has_a_rule():
    folders = {path.parent.name for path in PACKAGE.glob("*/*.py")}
    assert folders <= set(ALLOWED), "a new folder needs a row in ALLOWED"


@pytest.mark.parametrize("folder", ALLOWED)
def test_arrows_go_one_way(folder):
    for path in files(folder):
        for name in imported(path):
            target = folder_of(name)
            # `from imcap import __version__` is nobody's arrow.
            if target in (None, folder, "__version__"):
                continue
            assert target in ALLOWED[folder], f"{path} imports {name}"


def test_an_arrow_the_wrong_way_is_seen(tmp_path):
    source = tmp_path / "bad.py"
    source.write_text(
        "def late():\n"
        "    from imcap import models\n"
        "    import imcap.errors\n"
        "    from imcap.options import option\n"
    )
    found = {folder_of(name) for name in imported(source)}
    assert {"models", "data", "config"} <= found


def test_models_do_not_import_one_another():
    for path in files("models"):
        if path.name in ("__init__.py", "captioner.py"):
            continue
        for name in imported(path):
            if folder_of(name) != "models":
                continue
            shared = name.startswith("imcap.models.captioner")
            assert shared, f"{path} imports {name}"


@pytest.mark.parametrize("folder", ["layers", "models", "decoding"])
def test_no_backend_is_named(folder):
    for path in files(folder):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"tensorflow", "jax", "torch"}, path


def run(code, **environment):
    """Runs Python code in a process of its own; what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_imcap_is_cheap():
    code = (
        "import sys, imcap\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'numpy'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    assert run(code).strip() == "[]"


def test_jax_without_tensorflow():
    pytest.importorskip("jax", reason="jax is not installed")
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'tensorflow':\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import imcap, imcap.layers, imcap.models, imcap.decoding\n"
        "from imcap.models import build_captioner\n"
        "model = build_captioner('adaptive', 7, 5, lstm_dim=3, emb_dim=2,\n"
        "                        z_dim=2, sgate=True)\n"
        "import numpy as np\n"
        "logits = model({'features': np.ones((2, 3, 5)),\n"
        "                'tokens': np.ones((2, 1, 2), 'int32')})\n"
        "print(logits.shape, 'tensorflow' in sys.modules)"
    )
    found = run(code, KERAS_BACKEND="jax").strip()
    assert found == "(2, 1, 2, 7) False"


def required():
    """Names of the requirements and all they depend on, normalised."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    left = [line for line in lines if line and not line.startswith("#")]
    found = set()
    while left:
        name = re.match(r"[\w.-]+", left.pop().strip()).group()
        name = re.sub(r"[-_.]+", "-", name).lower()
        if name in found:
            continue
        try:
            wanted = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform or Python
        found.add(name)
        left += [line for line in wanted if "extra ==" not in line]
    return found


def test_no_file_shadows_a_module():
    # `python train.py` inside imcap/ puts that folder before all others.
    names = {path.stem for path in PACKAGE.glob("*.py")}
    names |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    names -= {"__init__", "__main__"}
    assert not names & set(sys.stdlib_module_names)
    installed = required()
    assert {"keras", "numpy", "tensorflow"} <= installed
    for module, owners in importlib.metadata.packages_distributions().items():
        owners = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}
        if owners & installed:
            assert module not in names, f"imcap/{module} shadows {owners}"

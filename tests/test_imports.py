"""Which part may import which, and what imports cost."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys

import pytest

from helpers.places import ROOT

PACKAGE = ROOT / "imcap"
# What each folder may import besides itself.
OPEN = {"errors", "files", "options", "progress", "startup"}
NEUTRAL = {"layers", "models", "decoding"}
USERS = {"captioning", "matching", "runs", "vision", "data", "drawing"}
ALLOWED = {
    "layers": set(),
    "decoding": set(),
    "metrics": set(),
    "models": {"layers"},
    "data": set(),
    "training": {"decoding", "metrics"},
    "drawing": {"data"},
    "vision": {"data", "layers", "models"},
    "runs": {"data", "training", "drawing", "vision"},
    "captioning": {
        "runs", "vision", "data", "layers", "models", "decoding", "metrics",
        "training",
    },
    "matching": {
        "runs", "vision", "data", "models", "metrics", "training", "drawing",
    },
    "reports": {
        "captioning", "matching", "runs", "vision", "drawing", "data",
        "metrics",
    },
    "export": USERS | {"decoding", "layers", "training"},
    "serve": USERS,
    "demo": USERS | {"training", "metrics"},
    "web": set(),
    "presets": set(),
}  # fmt: skip
# Files that may import everything: the doors and the command line.
DOORS = {"__init__", "__main__", "train"}


def dotted(path):
    """'imcap.layers.masking' of a file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path):
    """All modules a file imports, inside functions too, as dotted names."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from imcap import data` imports imcap.data.
            names += [f"{node.module}.{alias.name}" for alias in node.names]
            names.append(node.module)
    return names


def folder_of(name):
    """'layers' for imcap.layers.masking, None for what is not of imcap."""
    parts = name.split(".")
    if parts[0] != "imcap" or len(parts) < 2:
        return None
    return parts[1]


def files(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


def edges():
    """The graph of files: dict of dotted name to a set of them."""
    paths = {dotted(path): path for path in PACKAGE.rglob("*.py")}
    graph = {}
    for name, path in paths.items():
        targets = {target for target in imported(path) if target in paths}
        graph[name] = {t for t in targets if t not in ("imcap", name)}
    return graph


def circles(graph):
    """Sets of files that import one another, round about (Tarjan, 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph[name]:
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            place = stack.index(name)
            group = set(stack[place:])
            del stack[place:]
            if len(group) > 1:
                found.append(group)

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_every_folder_has_a_rule():
    folders = {path.parent.name for path in PACKAGE.glob("*/*.py")}
    assert folders - {"cli"} <= set(ALLOWED), "a new folder needs a row"


def test_few_files_lie_at_the_top():
    names = {path.stem for path in PACKAGE.glob("*.py")}
    assert names == OPEN | DOORS


@pytest.mark.parametrize("folder", ALLOWED)
def test_arrows_go_one_way(folder):
    allowed = ALLOWED[folder] | {None, folder, "__version__"}
    allowed |= set() if folder in NEUTRAL else OPEN
    for path in files(folder):
        for name in imported(path):
            assert folder_of(name) in allowed, f"{path} imports {name}"


@pytest.mark.parametrize("name", sorted(OPEN))
def test_what_is_open_to_all_imports_no_folder(name):
    for target in imported(PACKAGE / f"{name}.py"):
        assert folder_of(target) in {None, *OPEN}, f"{name} imports {target}"


def through_the_front_door(tree):
    """What a file that says `import imcap` takes from there."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "imcap"
    }


@pytest.mark.parametrize("folder", ALLOWED)
def test_no_arrow_hides_behind_the_front_door(folder):
    for path in files(folder):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert through_the_front_door(tree) <= {"__version__"}, path


def test_an_arrow_through_the_front_door_is_seen():
    tree = ast.parse("def late():\n    import imcap\n    imcap.load('run')\n")
    assert through_the_front_door(tree) == {"load"}


def test_there_is_no_circle_of_files():
    assert circles(edges()) == []


def test_an_arrow_the_wrong_way_is_seen(tmp_path):
    source = tmp_path / "bad.py"
    source.write_text(
        "def late():\n"
        "    from imcap import models\n"
        "    import imcap.errors\n"
        "    from imcap.options import option\n"
    )
    found = {folder_of(name) for name in imported(source)}
    assert {"models", "errors", "options"} <= found


def test_a_circle_is_seen():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == [{"a", "b", "c"}]


def test_models_do_not_import_one_another():
    shared = {
        "inputs", "captioner", "recurrent_captioner", "transformer_captioner",
        "ridge_matcher", "global_head",
        "score_blocks",
        # What backbones are made of.
        "picture_networks", "efficientnet_lite", "torch_weights",
    }  # fmt: skip
    for path in files("models"):
        if path.name in ("__init__.py", "registry.py"):
            continue
        for name in imported(path):
            if folder_of(name) == "models" and len(name.split(".")) > 2:
                assert name.split(".")[2] in shared, f"{path} imports {name}"


@pytest.mark.parametrize("folder", sorted(NEUTRAL))
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


def test_commands_are_cheap_to_import():
    code = (
        "import importlib, pkgutil, sys, imcap.cli\n"
        "for module in pkgutil.iter_modules(imcap.cli.__path__):\n"
        "    importlib.import_module(f'imcap.cli.{module.name}')\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'matplotlib'}\n"
        "print('imcap.cli.train' in sys.modules, heavy & set(sys.modules))"
    )
    assert run(code).strip() == "True set()"


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

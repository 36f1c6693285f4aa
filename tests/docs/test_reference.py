"""Docstrings, which the reference is made of, name arguments that exist."""

import ast
import inspect
import re

import pytest

from helpers.places import ROOT

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FOLDERS = sorted({path.parent for path in (ROOT / "imcap").rglob("*.py")})


def explained(docstring, heading):
    """Names that a section explains, "first, second: …" being two."""
    text = inspect.cleandoc(docstring)
    found = re.search(rf"^{heading}:\n((?:    .*\n|\n)*)", text + "\n", re.M)
    names = []
    for line in found[1].splitlines() if found else ():
        item = re.match(r"    (\*{0,2}\w+(?:, \*{0,2}\w+)*):(?: |$)", line)
        names += re.findall(r"\w+", item[1]) if item else []
    return names


def parameters(function):
    """Names of a function's arguments; None where it takes any keyword."""
    given = function.args
    if given.kwarg and not isinstance(function, ast.ClassDef):
        return None
    taken = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg]
    return {one.arg for one in taken if one}


def method(node, name):
    """A method of a class by its name, or None."""
    own = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == name]
    return own[0] if own else None


def constructor(node, classes):
    """What a class is made with; None where it takes any keyword."""
    init = method(node, "__init__")
    if init is not None:
        return parameters(init)
    names = {
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign)
    }
    for base in node.bases:
        parent = classes.get(ast.unparse(base).split(".")[-1])
        if parent is None:
            # Keras' own arguments, or a dataclass without a base.
            return names or None
        inherited = constructor(parent, classes)
        if inherited is None:
            return None
        names |= inherited
    return names


def ancestors(node, classes):
    """Names of all classes that a class is one of, Keras' own in full."""
    names = {ast.unparse(base) for base in node.bases}
    for name in tuple(names):
        parent = classes.get(name)  # imcap's own; keras.X has its module
        names |= ancestors(parent, classes) if parent is not None else set()
    return names


def called_with(node, classes):
    """What a layer or loss is called with; None of others."""
    call, bases = method(node, "call"), ancestors(node, classes)
    if call is None or "keras.Model" in bases:
        return None  # a model's inputs have names of their own
    own = {"sample_weight"} if "keras.losses.Loss" in bases else set()
    return parameters(call) and parameters(call) | own


@pytest.fixture(scope="module")
def classes():
    """All classes of imcap by their names."""
    return {
        node.name: node
        for path in (ROOT / "imcap").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }


def strangers(tree, classes):
    """Explained arguments that are none: list of (line, name)."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            continue
        text = ast.get_docstring(node) or ""
        checks = []
        if isinstance(node, ast.ClassDef):
            checks.append(("Args", constructor(node, classes)))
            checks.append(("Call arguments", called_with(node, classes)))
        else:
            checks.append(("Args", parameters(node)))
        for heading, known in checks:
            names = explained(text, heading) if known is not None else ()
            found += [(node.lineno, n) for n in names if n not in known]
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_explained_arguments_exist(folder, classes):
    wrong = {
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in folder.glob("*.py")
        for line, name in strangers(ast.parse(path.read_text("utf-8")), classes)
    }
    assert wrong == set()


def test_a_stranger_is_seen():
    tree = ast.parse(
        "def scale(image, height, width):\n"
        '    """Scales.\n\n    Args:\n        image: it, and\n'
        '            more: of it.\n        height, weight: its size.\n    """\n'
        "class Layer:\n"
        '    """A layer.\n\n    Args:\n        units: int.\n\n'
        "    Call arguments:\n        inputs: all.\n        mask: none.\n"
        '    """\n'
        "    def __init__(self, units):\n        pass\n"
        "    def call(self, inputs):\n        pass\n"
    )
    assert strangers(tree, {}) == [(1, "weight"), (9, "mask")]

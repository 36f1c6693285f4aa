"""Rules of style that a parser can see: sizes, types, who tests import."""

import ast

import pytest

from helpers.places import ROOT

PACKAGE = ROOT / "imcap"
LONGEST_FILE, LONGEST_FUNCTION, MOST_AT_THE_TOP = 450, 60, 10
# Tensor code says shapes in words; everything else has types.
TENSOR_CODE = {"layers", "models", "decoding", "training", "metrics"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def python_files():
    return PACKAGE.rglob("*.py")


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree, owner="", public=True):
    """(name, node, whether it is public) of all that are not nested."""
    for node in ast.iter_child_nodes(tree):
        name = f"{owner}{getattr(node, 'name', '')}"
        if isinstance(node, FUNCTIONS):
            shown = not node.name.startswith("_") or node.name == "__init__"
            yield name, node, public and shown
        elif isinstance(node, ast.ClassDef):
            shown = not node.name.startswith("_")
            yield from functions(node, f"{name}.", public and shown)
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from functions(node, owner, public)


def lines(node):
    return node.end_lineno - node.lineno + 1


def untyped(node):
    """The arguments of a function that lack a type, "return" for its own."""
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [one for one in (given.vararg, given.kwarg) if one]
    names = [
        one.arg
        for one in arguments
        if one.annotation is None and one.arg not in ("self", "cls")
    ]
    if node.returns is None and node.name != "__init__":
        names.append("return")
    return names


def too_long(tree):
    return [
        f"{name}: {lines(node)} lines"
        for name, node, _ in functions(tree)
        if lines(node) > LONGEST_FUNCTION
    ]


def lacking_types(tree):
    return [
        f"{name}: {', '.join(untyped(node))}"
        for name, node, public in functions(tree)
        if public and untyped(node)
    ]


def test_few_files_lie_at_the_top():
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("folder", ["imcap", "utils", "tests", "benchmarks"])
def test_files_are_not_long(folder):
    for path in (ROOT / folder).rglob("*.py"):
        count = len(path.read_text(encoding="utf-8").splitlines())
        assert count <= LONGEST_FILE, f"{path}: {count} lines"


@pytest.mark.parametrize("folder", ["imcap", "utils"])
def test_functions_are_not_long(folder):
    for path in (ROOT / folder).rglob("*.py"):
        assert too_long(parsed(path)) == [], path


def typed_folders():
    """The folders of imcap outside tensor code, and "" for its top."""
    folders = {path.parent.relative_to(PACKAGE) for path in python_files()}
    names = {folder.parts[0] if folder.parts else "" for folder in folders}
    return sorted(names - TENSOR_CODE)


@pytest.mark.parametrize("name", typed_folders())
def test_public_functions_outside_tensor_code_have_types(name):
    paths = (PACKAGE / name).rglob("*.py") if name else PACKAGE.glob("*.py")
    for path in paths:
        assert lacking_types(parsed(path)) == [], path


def test_tests_do_not_import_one_another():
    folder = ROOT / "tests"
    paths = list(folder.rglob("test_*.py"))
    tests = {path.relative_to(folder).parts[0] for path in paths}
    tests |= {path.stem for path in paths}
    for path in folder.rglob("*.py"):
        for node in ast.walk(parsed(path)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                first = name.split(".")[0]
                assert first not in tests, f"{path} imports {name}"


def test_the_rules_see_what_breaks_them():
    body = "    pass\n" * LONGEST_FUNCTION
    tree = ast.parse(
        f"def long() -> None:\n{body}"
        "class Shown:\n"
        "    def __init__(self, size): ...\n"
        "    def method(self, *rest: int): ...\n"
        "    def _own(self, anything): ...\n"
        "class _Hidden:\n"
        "    def method(self, anything): ...\n"
        "async def late(first: int, *, second) -> int: ...\n"
    )
    assert too_long(tree) == [f"long: {LONGEST_FUNCTION + 1} lines"]
    assert lacking_types(tree) == [
        "Shown.__init__: size",
        "Shown.method: return",
        "late: second",
    ]

"""Links, flags, defaults and commands that README and docs name exist."""

import ast
import dataclasses
import importlib.util
import pkgutil
import re
import runpy
import sys
import typing

import pytest

from helpers.documents import (
    PAGES,
    ROOT,
    anchors,
    code,
    commands,
    fences,
    links,
    name_of,
    tables,
)
from imcap.cli import match, parser
from imcap.cli.dispatch import COMMANDS

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
KIT = [
    ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
]
# What a page may say in code that is no command of ours.
OTHERS = {"pip", "pytest", "cd", "curl"}
ALWAYS = {"help", "help_all", "quiet", "log_file", "version"}


@pytest.fixture(scope="module")
def configs():
    """The dataclass of every command and tool, by its name."""
    found = {}

    def record(name, config_class, *rest):
        found[name] = config_class
        return 0

    modules = {
        name: importlib.import_module(f"imcap.cli.{name}")
        for name in COMMANDS
        if name != "match"
    }
    for name, module in match.MODULES.items():
        modules[f"match {name}"] = importlib.import_module(module)
    tools = sorted((ROOT / "utils").glob("*.py"))
    with pytest.MonkeyPatch.context() as patch:
        for module in modules.values():
            patch.setattr(module, "run_command", record)
            module.main([])
        patch.setattr(parser, "run_command", record)
        for tool in tools:
            patch.setattr(sys, "argv", [str(tool)])
            with pytest.raises(SystemExit):
                runpy.run_path(str(tool), run_name="__main__")
    assert set(modules) | {tool.stem for tool in tools} == set(found) | {
        "prepro_feats"  # hands its flags on to extract
    }
    return found


@pytest.fixture(scope="module")
def flags(configs):
    """All names that any command, tool or benchmark gives a flag."""
    names = set(ALWAYS)
    for config_class in configs.values():
        for field in dataclasses.fields(config_class):
            if not field.metadata.get("positional"):
                names |= {field.name, *field.metadata.get("aliases", ())}
    for folder in ("utils", "benchmarks"):
        for file in (ROOT / folder).glob("*.py"):
            added = r'add_argument\(\s*"--(\w+)"'
            names |= set(re.findall(added, file.read_text("utf-8")))
    return names


def broken_links(page):
    """Links of a page that lead to no file, or to no heading in one."""
    broken = []
    for link in links(page.read_text("utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        there = target.exists() and target.is_relative_to(ROOT)
        if there and anchor:
            there = anchor in anchors(target.read_text("utf-8"))
        if not there:
            broken.append(link)
    return broken


def flags_in(text):
    """Names behind two dashes, wherever the text is code of ours."""
    found = set()
    for part in code(text):
        for line in re.split(r"&&|\n", part.replace("\\\n", " ")):
            if line.split()[:1] and line.split()[0] not in OTHERS:
                found |= set(re.findall(r"(?<![\w-])--([A-Za-z]\w*)", line))
    return found


def unknown_commands(text):
    """What follows `imcap` in code and is no command."""
    unknown = []
    for part in code(text):
        for first, second in re.findall(
            r"\bimcap ([a-z]\w*)(?: ([a-z]\w*))?", part
        ):
            known = first in COMMANDS
            if first == "match" and second:
                known = second in match.COMMANDS
            if not known:
                unknown.append(f"{first} {second}".strip())
    return unknown


def program_of(words):
    """The name in `configs` of a command line, and its flags."""
    if words[:3] == ["python", "-m", "imcap"]:
        words = words[2:]
    if words[0] == "imcap":
        count = 2 if words[1] == "match" else 1
        return " ".join(words[1 : 1 + count]), words[1 + count :]
    if words[0] == "python":
        file = ROOT / words[1]
        if not file.exists():  # after `cd imcap`
            file = ROOT / "imcap" / words[1]
        assert file.exists(), f"{words[1]}: no such file"
        name = None if file.parent.name == "benchmarks" else file.stem
        return name, words[2:]
    assert words[0] in OTHERS, f"{words[0]}: whose command is that?"
    return None, []


@pytest.mark.parametrize("page", [*PAGES, *KIT], ids=name_of)
def test_links_lead_somewhere(page):
    assert broken_links(page) == []


@every_page
def test_flags_exist(page, flags):
    assert flags_in(page.read_text("utf-8")) - flags == set()


@every_page
def test_commands_exist(page):
    assert unknown_commands(page.read_text("utf-8")) == []


@every_page
def test_command_lines_are_understood(page, configs, capsys):
    refused = []
    for words in commands(page.read_text("utf-8")):
        name, rest = program_of(words)
        if name is None:
            continue
        try:
            parser.parse_given(configs[name], rest, name)
        except SystemExit:
            refused.append((" ".join(words), capsys.readouterr().err))
    assert refused == []


def stated_defaults(text):
    """Of tables `imcap COMMAND | default | …`: command, flag, default."""
    for head, _, *rows in tables(text):
        if head[1:2] != ["default"]:
            continue
        command = head[0].strip("`").removeprefix("imcap ")
        for row in rows:
            yield command, row[0].strip("`").removeprefix("--"), row[1]


def is_default(field, kind, said):
    """Whether a cell of a table says the default of a field."""
    if field.default is None:
        return said == "none"
    if kind is bool:
        return said == str(field.default)
    return type(field.default)(said) == field.default


@every_page
def test_defaults_are_those_of_the_code(page, configs):
    for command, flag, said in stated_defaults(page.read_text("utf-8")):
        config_class = configs[command]
        fields = {
            field.name: field for field in dataclasses.fields(config_class)
        }
        assert flag in fields, f"{command}: no flag --{flag}"
        kind = typing.get_type_hints(config_class)[flag]
        field = fields[flag]
        assert is_default(field, kind, said), f"--{flag}: {field.default}"


def absent(text):
    """Names in imcap, of Python code or dotted in backticks, that are none."""
    wanted = set()
    for block in fences(text, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import):
                wanted |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                wanted |= {f"{node.module}.{one.name}" for one in node.names}
    for part in code(text):
        wanted |= set(re.findall(r"^imcap(?:\.\w+)+(?=$|\()", part))
    ours = {name for name in wanted if name.split(".")[0] == "imcap"}
    return sorted(name for name in ours if not resolves(name))


def resolves(name):
    """Whether a dotted name is a module, or something in one."""
    module, _, last = name.rpartition(".")
    try:
        if not module or importlib.util.find_spec(name):
            return True
    except ModuleNotFoundError:
        return resolves(module) and last in dir(pkgutil.resolve_name(module))
    return hasattr(importlib.import_module(module), last)


@every_page
def test_python_names_exist(page):
    assert absent(page.read_text("utf-8")) == []


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "index.md"
    linked = set(links(index.read_text("utf-8")))
    pages = {page.name for page in PAGES[1:]} - {"index.md"}
    assert pages <= linked


def test_the_map_names_files_that_exist():
    text = (ROOT / "docs" / "map.md").read_text("utf-8")
    for part in code(text):
        if re.match(r"(imcap|utils|benchmarks|tests)(/[\w.]+)*$", part):
            assert (ROOT / part).exists(), part
    for head, _, *rows in tables(text):
        if head[1] != "files of note":
            continue
        for folder, said in rows:
            for file in re.findall(r"`([\w.]+\.py)`", said):
                found = ROOT / folder.strip("`") / file
                assert found.exists(), found


def test_what_is_wrong_is_seen(tmp_path, monkeypatch, configs, flags):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading, here\n[a](page.md#a-heading-here) [b](page.md#other)\n"
        "[c](absent.md) [d](https://example.org)\nSay `--no_such --sgate` or\n"
        "`imcap fly`; fly --away is no code.\n"
        "```bash\nimcap match learn\nimcap train --sgate\n```\n"
        "| `imcap train` | default |\n| --- | --- |\n| `--lr` | 1 |\n"
        "`imcap.files.read_json` `imcap.files.fly` `imcap.away.fly`\n"
        "```python\nimport imcap.wings\nfrom imcap.files import write_json\n"
        "```\n"
    )
    text = page.read_text()
    assert broken_links(page) == ["page.md#other", "absent.md"]
    assert flags_in(text) - flags == {"no_such"}
    assert unknown_commands(text) == ["match learn", "fly"]
    assert absent(text) == ["imcap.away.fly", "imcap.files.fly", "imcap.wings"]
    assert program_of(commands(text)[1]) == ("train", ["--sgate"])
    assert list(stated_defaults(text)) == [("train", "lr", "1")]
    (rate,) = [
        field
        for field in dataclasses.fields(configs["train"])
        if field.name == "learning_rate"
    ]
    assert is_default(rate, float, "5e-4") and not is_default(rate, float, "1")

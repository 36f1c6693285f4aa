"""A page of the reference for each folder of imcap, made at every build.

A hook of MkDocs. Files are listed, never imported, so that the reference needs
neither Keras nor TensorFlow, and a file that moves takes its page along.
"""

from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
# Pages of their own come first; the rest of the folders follow by name.
FIRST = ["captioning", "matching", "models", "layers", "decoding", "metrics"]


def folders():
    """The folders of the package that hold code, those of interest first."""
    found = {path.parent.name for path in (ROOT / "imcap").glob("*/*.py")}
    return FIRST + sorted(found - set(FIRST))


def page(folder):
    """What stands on a folder's page: a heading, and all of its modules."""
    lines = [f"# imcap.{folder}", ""]
    package = ROOT / "imcap" / folder
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            continue
        lines += [f"::: {'.'.join(parts)}", ""]
    return "\n".join(lines)


def on_config(config):
    """Adds the pages to the menu, below the reference's index."""
    reference = config.nav[-1]["Reference"]
    reference += [f"reference/{folder}.md" for folder in folders()]
    return config


def on_files(files, config):
    """Adds the pages to those of docs/."""
    for folder in folders():
        name, text = f"reference/{folder}.md", page(folder)
        files.append(File.generated(config, name, content=text))
    return files

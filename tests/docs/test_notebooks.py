"""The notebooks run from top to bottom, and are stored without outputs."""

import pytest

from helpers.places import ROOT

pytestmark = pytest.mark.slow

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
# Enough to see that they run.
SMALL = {"IMCAP_SCENES": "24", "IMCAP_EPOCHS": "1", "IMCAP_STEPS": "3"}
FIGURES = {"sample_captions": 3, "matching": 4, "self_critical": 2}


def read(name):
    nbformat = pytest.importorskip(
        "nbformat", reason="nbformat is not installed"
    )
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_each_is_known():
    assert set(FIGURES) == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_stored_without_outputs(name):
    cells = code_cells(read(name))
    assert cells
    for cell in cells:
        assert cell.outputs == [] and cell.execution_count is None
        assert cell.metadata == {}


def run(name, monkeypatch, **variables):
    """Figures that a notebook shows, run from top to bottom."""
    nbclient = pytest.importorskip(
        "nbclient", reason="nbclient is not installed"
    )
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    notebook = read(name)
    for variable, value in (SMALL | variables).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    place = {"metadata": {"path": str(FOLDER)}}
    client = nbclient.NotebookClient(notebook, timeout=300, resources=place)
    client.execute()  # a cell that raises is an error here
    return [
        output
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs(name, demo_run, monkeypatch):
    figures = run(name, monkeypatch, IMCAP_RUN=str(demo_run))
    assert len(figures) == FIGURES[name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
def test_what_ships_needs_no_run(monkeypatch):
    monkeypatch.delenv("IMCAP_RUN", raising=False)
    figures = run("sample_captions", monkeypatch)
    assert len(figures) == 2  # it has a gate and no sentinel

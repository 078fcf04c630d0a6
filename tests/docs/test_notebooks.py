"""The notebooks run from their first cell to the last; `make test-docs` installs what they need."""

import os
import sys

import pytest

from tests.house import ROOT

NOTEBOOKS = sorted((ROOT / "examples/notebooks").glob("*.ipynb"))


def test_there_are_three_without_output():
    assert [path.stem for path in NOTEBOOKS] == [
        *("benchmarking", "drawing_and_guiding", "first_steps"),
    ]
    for path in NOTEBOOKS:  # results would grow old, and hide what changes
        assert '"output_type"' not in path.read_text(encoding="utf-8")


@pytest.mark.site
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()  # raises CellExecutionError
    pictures = [
        o for c in notebook.cells for o in c.get("outputs", ()) if "image/png" in o.get("data", ())
    ]
    assert pictures

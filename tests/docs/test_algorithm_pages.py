"""The examples on the pages of the algorithms run."""

import re

import pytest

from tests.house import ROOT

EXAMPLES = {
    path.stem: block
    for path in sorted((ROOT / "docs/algorithms").glob("*.md"))
    for block in re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
}


def test_every_page_has_an_example():
    pages = {path.stem for path in (ROOT / "docs/algorithms").glob("*.md")} - {"index"}
    assert set(EXAMPLES) == pages


@pytest.mark.site
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = EXAMPLES[name].replace("300_000", "2_048").replace("num_paths=16", "num_paths=2")
    exec(compile(code, name, "exec"), {"__name__": name})

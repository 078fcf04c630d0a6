"""The measurement of data sets on disk."""

import re

from benchmarks.large_data import main


def test_it_writes_trains_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["--num", "200", "--updates", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("wrote the splits of 200 images")
    assert re.fullmatch(r"built the model: [\d.]+ CPU seconds, [\d.]+ seconds", lines[1])
    assert [line.partition(":")[0] for line in lines[2:]] == [f"after {i} updates" for i in (0, 1)]
    assert not list(tmp_path.iterdir())

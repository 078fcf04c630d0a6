from agents.cli.info import list_datasets, list_ids
from agents.cli.main import main
from agents.common.provenance import list_devices
from agents.common.versions import find_versions
from gcgen_env import ENV_IDS
from gcgen_env.datasets.sources import IDX_FILES


def test_it_prints_everything(capsys):
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    assert all(env_id in output for env_id in ENV_IDS)
    assert all(version in output for version in find_versions().values())
    assert list_devices()[0] in output


def test_ids_come_with_their_defaults():
    table = list_ids()
    columns = [list(column.cells) for column in table.columns]
    assert columns[0] == list(ENV_IDS)
    assert columns[1][:5] == ["8", "16", "64", "32", "32"]
    assert columns[2][:5] == ["6", "8", "10", "10", "10"]
    assert columns[3][:2] == ["gaussian, sigma 0.05", "bernoulli"]
    assert columns[4][:5] == ["pretrained"] * 3 + ["dictionary"] * 2


def test_data_sets_are_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr("gcgen_env.datasets.locations.cache_root", lambda: tmp_path / "cache")
    monkeypatch.delenv("GCGEN_DATA", raising=False)
    (tmp_path / "mnist").mkdir()
    for name in IDX_FILES:
        (tmp_path / "mnist" / name).touch()
    names, places = (list(column.cells) for column in list_datasets(tmp_path).columns)
    where = dict(zip(names, places, strict=True))
    assert where["mnist"] == str(tmp_path / "mnist")
    assert where["fashion_mnist"].startswith("not here")
    assert where["digits"] == where["two_moons"] == "comes with the library"

import pytest

from agents.gcgen.callbacks import BoundProgressBar, StopOnRequest, TimedCheckpoint
from tests.agents.conftest import make_model

UPDATE = 16 * 8
"""Timesteps of one roll-out of the small model."""


def test_the_bar_shows_the_bound_and_ends_full(capsys):
    bar = BoundProgressBar()
    model = make_model().learn(3 * UPDATE, callback=bar)
    assert 10 < bar.bound < 60
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert f"{model.num_timesteps:,} timesteps, bound {bar.bound:.2f} nats" in shown


def test_the_bar_of_a_continued_run_starts_where_it_was(capsys):
    def stop_after_one() -> bool:
        return model.num_timesteps > UPDATE

    model = make_model()
    model.learn(4 * UPDATE, callback=StopOnRequest(stop_after_one))
    assert model.progress == 0.25
    capsys.readouterr()
    model.learn(3 * UPDATE, callback=BoundProgressBar(), reset_num_timesteps=False)
    shown = capsys.readouterr().err.replace("\r", "\n").split()
    assert shown[0].startswith("25%")


def test_a_request_stops_training():
    requests = iter([False] * 20 + [True] * 100)
    model = make_model().learn(100 * UPDATE, callback=StopOnRequest(lambda: next(requests)))
    assert model.num_timesteps == 21 * 16
    assert model.progress < 1.0


def test_checkpoints_come_between_updates_and_in_time():
    saved = []
    model = make_model()
    model.learn(
        3 * UPDATE, callback=TimedCheckpoint(lambda: saved.append(model.num_timesteps), 1e-9)
    )
    assert saved == [UPDATE, 2 * UPDATE, 3 * UPDATE]
    model.learn(3 * UPDATE, callback=TimedCheckpoint(lambda: saved.append(0), 1e6))
    assert 0 not in saved


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_the_time_between_checkpoints_is_checked(seconds):
    with pytest.raises(ValueError, match="seconds must be positive"):
        TimedCheckpoint(lambda: None, seconds)


def test_a_full_disk_costs_one_checkpoint_not_the_run():
    saved = []

    def save():
        saved.append(None)
        if len(saved) == 1:
            raise OSError("no space left")

    with pytest.warns(RuntimeWarning, match="no checkpoint this time: no space left"):
        make_model().learn(4 * 16 * 8, callback=TimedCheckpoint(save, seconds=1e-9))
    assert len(saved) == 4

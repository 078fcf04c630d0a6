from types import SimpleNamespace

import pytest

from agents.gcgen.callbacks import (
    FEWEST_ROLLOUTS,
    BoundProgressBar,
    StopOnRequest,
    TimedCheckpoint,
)
from tests.agents.conftest import make_model

UPDATE = 16 * 8
"""Timesteps of one roll-out of the small model."""


class TestProgressBar:
    def test_it_shows_the_bound_and_ends_full(self, capsys):
        bar = BoundProgressBar()
        model = make_model().learn(3 * UPDATE, callback=bar)
        assert 10 < bar.bound < 60
        shown = capsys.readouterr().err
        assert "100%" in shown
        assert f"{model.num_timesteps:,} timesteps, bound {bar.bound:.2f} nats" in shown

    def test_the_same_bar_of_a_resumed_run_starts_where_it_was(self, capsys):
        bar, stop = BoundProgressBar(), StopOnRequest(lambda: model.num_timesteps > UPDATE)
        model = make_model()
        model.learn(4 * UPDATE, callback=[stop, bar])
        assert model.progress == 0.5
        model.learn(2 * UPDATE, callback=bar, reset_num_timesteps=False)
        drawn = [line.split("|")[0].strip() for line in capsys.readouterr().err.split("\r")]
        assert drawn[1] == "0%" and "50%" in drawn[2:] and drawn[-1] == "100%"

    def test_a_new_training_starts_at_zero(self, capsys):
        model = make_model()
        model.learn(4 * UPDATE, callback=StopOnRequest(lambda: model.num_timesteps > UPDATE))
        model.learn(4 * UPDATE, callback=BoundProgressBar())
        shown = capsys.readouterr().err.split("\r")
        assert next(line for line in shown if "%" in line).strip().startswith("0%")

    @pytest.mark.parametrize("before", [0.0, 0.5])
    def test_the_remaining_time_is_estimated_when_the_speed_is_known(self, monkeypatch, before):
        """The first roll-out takes a second and the others a tenth, of a budget of 100 seconds."""
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr("tqdm.std.time", lambda: clock.now)
        bar = BoundProgressBar()
        bar.model = SimpleNamespace(progress=before)
        bar._on_training_start()
        for rollout in range(30):
            bar.model.progress = before + clock.now / 100
            bar._on_rollout_start()
            assert (" < " in str(bar.bar)) == (rollout >= FEWEST_ROLLOUTS)
            if rollout >= FEWEST_ROLLOUTS:
                left = 100 * (1 - bar.model.progress)
                shown = str(bar.bar).split(" < ")[1]
                minutes, seconds = shown.split(":")
                assert 60 * int(minutes) + int(seconds) == pytest.approx(left, abs=1)
            clock.now += 0.1 if rollout else 1.0
        bar._on_training_end()
        assert " < " not in str(bar.bar)


def test_a_request_stops_training_before_the_next_round():
    requests = iter([False] * 3 + [True])
    model = make_model(n_envs=32, batch_size=16)
    model.learn(100 * UPDATE, callback=StopOnRequest(lambda: next(requests)))
    assert model.num_timesteps == 3 * 2 * UPDATE
    assert model._n_updates == 3 * 2
    assert model.progress == 0.06


def test_checkpoints_come_between_updates_and_in_time():
    saved = []
    model = make_model()
    model.learn(
        3 * UPDATE, callback=TimedCheckpoint(lambda: saved.append(model.num_timesteps), 1e-9)
    )
    assert saved == [0, UPDATE, 2 * UPDATE]
    model.learn(3 * UPDATE, callback=TimedCheckpoint(lambda: saved.append(-1), 1e6))
    assert -1 not in saved


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_the_time_between_checkpoints_is_checked(seconds):
    with pytest.raises(ValueError, match="seconds must be positive"):
        TimedCheckpoint(lambda: None, seconds)


def test_a_full_disk_costs_checkpoints_and_not_the_run():
    saved = []

    def save():
        saved.append(None)
        if len(saved) in (1, 2, 3, 6):
            raise OSError("no space left")

    with pytest.warns(RuntimeWarning) as caught:
        make_model().learn(8 * UPDATE, callback=TimedCheckpoint(save, seconds=1e-9))
    assert len(saved) == 8
    message = "no checkpoint for now: no space left; training goes on, and tries again"
    assert [str(warning.message) for warning in caught] == [message] * 2  # one for each time

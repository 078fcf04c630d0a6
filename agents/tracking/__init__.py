"""Trackers: what a training logs, sent to Weights & Biases or to MLflow.

They are callbacks for `GCGen` and for every algorithm of Stable-Baselines3.
"""

from agents.tracking.mlflow_tracker import MLflowTracker
from agents.tracking.output import TrackerOutput
from agents.tracking.tracker import Tracker
from agents.tracking.wandb_tracker import WandbTracker

__all__ = ["MLflowTracker", "Tracker", "TrackerOutput", "WandbTracker"]

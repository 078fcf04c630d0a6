"""DQN with values of next images, which the observation shows before the choice."""

from agents.afterstate_dqn.afterstate_dqn import AfterstateDQN
from agents.afterstate_dqn.policies import AfterstatePolicy

__all__ = ["AfterstateDQN", "AfterstatePolicy"]

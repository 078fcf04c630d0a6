"""Hyperparameters for RL Baselines3 Zoo: `python -m rl_zoo3.train ... -conf agents.zoo.ppo`."""

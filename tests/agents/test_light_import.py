"""`import agents` loads neither torch nor Stable-Baselines3, and still knows every name."""

import subprocess
import sys

CODE = """
import sys, agents
assert not {"torch", "stable_baselines3"} & set(sys.modules)
assert set(agents.__all__) <= set(dir(agents))
for name in ("AfterstateDQN", "AfterstatePolicy", "AttentionPolicy", "MaskableAttentionPolicy"):
    assert getattr(agents, name).__name__ == name
"""


def test_importing_agents_is_light():
    subprocess.run([sys.executable, "-c", CODE], check=True)

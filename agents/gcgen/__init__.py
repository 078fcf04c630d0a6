"""The main algorithm: GC-agent and S-agent trained together."""

from agents.gcgen.bound import NLLReport
from agents.gcgen.config import GCGenConfig
from agents.gcgen.gcgen import GCGen
from agents.gcgen.policies import GCPolicy, MaskableGCPolicy

__all__ = ["GCGen", "GCGenConfig", "GCPolicy", "MaskableGCPolicy", "NLLReport"]

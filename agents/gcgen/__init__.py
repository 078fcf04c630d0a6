"""The main algorithm: GC-agent and S-agent trained together."""

from agents.gcgen.evaluation import NLLReport
from agents.gcgen.gcgen import GCGen
from agents.gcgen.policies import GCPolicy, MaskableGCPolicy

__all__ = ["GCGen", "GCPolicy", "MaskableGCPolicy", "NLLReport"]

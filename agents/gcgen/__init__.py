"""The main algorithm: GC-agent and S-agent trained together."""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.gcgen.config import GCGenConfig
    from agents.gcgen.gcgen import GCGen
    from agents.gcgen.nll_report import NLLReport
    from agents.gcgen.policies import GCPolicy, MaskableGCPolicy
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "GCGen": "agents.gcgen.gcgen",
            "GCGenConfig": "agents.gcgen.config",
            "GCPolicy": "agents.gcgen.policies",
            "MaskableGCPolicy": "agents.gcgen.policies",
            "NLLReport": "agents.gcgen.nll_report",
        },
    )

__all__ = ["GCGen", "GCGenConfig", "GCPolicy", "MaskableGCPolicy", "NLLReport"]

"""Looks into a trained model: the tree of its first choices, and what each step contributes."""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.inspection.atlas import AtlasNode, grow_atlas
    from agents.inspection.steps import StepReport, measure_steps
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "AtlasNode": "agents.inspection.atlas",
            "StepReport": "agents.inspection.steps",
            "grow_atlas": "agents.inspection.atlas",
            "measure_steps": "agents.inspection.steps",
        },
    )

__all__ = ["AtlasNode", "StepReport", "grow_atlas", "measure_steps"]

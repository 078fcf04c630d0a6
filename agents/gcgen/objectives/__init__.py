"""How the GC-agent learns: one file for each objective, one interface."""

from agents.gcgen.objectives.base import Objective
from agents.gcgen.objectives.expert_iteration import ExpertIteration
from agents.gcgen.objectives.leave_one_out import LeaveOneOut
from agents.gcgen.objectives.path_consistency import PathConsistency
from agents.gcgen.objectives.policy_gradient import PolicyGradient
from agents.gcgen.objectives.tree_search import TreeSearch

OBJECTIVES: dict[str, type[Objective]] = {
    "expert_iteration": ExpertIteration,
    "leave_one_out": LeaveOneOut,
    "path_consistency": PathConsistency,
    "policy_gradient": PolicyGradient,
    "tree_search": TreeSearch,
}

__all__ = [
    "OBJECTIVES",
    "ExpertIteration",
    "LeaveOneOut",
    "Objective",
    "PathConsistency",
    "PolicyGradient",
    "TreeSearch",
]

"""Policies of actor-critic algorithms that compare the proposals by self-attention."""

from agents.attention.policies import AttentionPolicy, MaskableAttentionPolicy

__all__ = ["AttentionPolicy", "MaskableAttentionPolicy"]

"""The generative model: proposals, their prior and the chain of decisions; no goal, no episode."""

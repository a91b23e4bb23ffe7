"""The configuration to ship on this machine: candidates, the Pareto front, and the choice."""

"""The configuration to ship on this machine: candidates, the frontier, and the choice."""

"""Base against head in one job: is the head slower? The rule, and the rounds it asks for."""

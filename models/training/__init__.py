"""A network that finds people, trained from scratch by this project: samples and training."""

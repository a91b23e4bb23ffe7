"""Quality against ground truth: datasets, metrics, and the variants judged on them."""

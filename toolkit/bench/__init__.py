"""Latency, measured in fresh processes: workers, statistics, and a versioned JSON schema.

`run_bench` measures, `summarize` condenses, `read_report` and `write_report` keep the raw values.
"""

"""The command line `dx`: run, sample, kpi, release, doctor."""

from dx_pipeline.cli.command import main

__all__ = ["main"]

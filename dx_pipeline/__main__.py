"""`python -m dx_pipeline` is `dx`."""

from dx_pipeline.cli import main

main()

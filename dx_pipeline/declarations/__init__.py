"""Everything that a project declares, as typed values; see `catalogue`."""

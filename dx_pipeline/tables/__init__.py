"""Tables: partitions of published rows, the one publication path, derived traffic, and the ledger."""

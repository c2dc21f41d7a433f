"""Storage: DuckDB connections, Parquet files, atomic and synced writes, the writers' lock."""

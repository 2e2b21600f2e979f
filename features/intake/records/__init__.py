"""Files become records, as they are: Parquet, JSON, CSV; plain, gzip or zstd; in batches of bounded size."""

"""Export: parquet, ShareGPT and the dataset card."""

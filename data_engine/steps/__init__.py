"""Steps: one file each, see `data_engine.step`."""

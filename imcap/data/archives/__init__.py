"""Archives that hold pictures: tar, Parquet, Arrow, TFRecord."""

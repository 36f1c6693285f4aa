"""The training demo on drawn scenes."""

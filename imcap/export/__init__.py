"""Runs as files that need no imcap: SavedModel, LiteRT, Keras."""

"""Runs as files that need no imcap: SavedModel, LiteRT, Keras.

Called, as `imcap.export(model, out)`, it is `imcap.cli.functions.export`.
"""

"""Layers around convolutional networks."""

"""Limits of pictures that are read."""

MAX_PIXELS = 89_478_485  # a quarter of a gigabyte of RGB, as Pillow warns at
STORED_SIZE = 256  # side in pixels of pictures in a label file

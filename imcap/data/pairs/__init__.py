"""Pairs of images and captions for matching."""

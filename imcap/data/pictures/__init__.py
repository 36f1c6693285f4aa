"""Decoding, listing and cropping pictures."""

"""Captions, words, pictures and features as arrays."""

"""Batches as pure functions of seed and step."""

"""Vocabularies and tokenisers."""

"""Recurrent layers, one a file."""

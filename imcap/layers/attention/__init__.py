"""Published attention mechanisms, one a file."""

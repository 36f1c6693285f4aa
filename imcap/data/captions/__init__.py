"""Caption files of every usual format."""

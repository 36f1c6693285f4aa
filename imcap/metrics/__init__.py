"""Caption and retrieval metrics."""

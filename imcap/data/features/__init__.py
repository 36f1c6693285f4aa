"""Feature files and where their locations lie."""

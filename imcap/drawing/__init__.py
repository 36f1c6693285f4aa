"""Pictures made with matplotlib: attention, curves, contact sheets."""

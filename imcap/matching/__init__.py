"""What is done with image-text matching: runs, training, search."""

"""What is done with captioners: runs, training, generation, evaluation."""

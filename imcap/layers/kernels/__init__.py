"""Written-out gradients and memory tricks."""

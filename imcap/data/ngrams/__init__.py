"""Document frequencies of n-grams."""

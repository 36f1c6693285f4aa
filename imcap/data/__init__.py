"""Pictures, captions, vocabularies and features, on their way to a model."""

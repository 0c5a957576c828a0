"""The rows that a proof is about, made up from the model."""

"""hermes-learning: reviews that turn experience into memory and skills."""

"""Distil and compress neural networks in JAX."""

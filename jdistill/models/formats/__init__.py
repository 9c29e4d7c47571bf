"""Pretrained networks, read from the files of others and written to them."""

__all__ = []

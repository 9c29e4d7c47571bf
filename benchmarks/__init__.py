"""What training and compression cost: one JSON line a figure."""

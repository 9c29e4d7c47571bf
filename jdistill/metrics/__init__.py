"""Figures over a whole data set, from sums that add over batches and devices."""

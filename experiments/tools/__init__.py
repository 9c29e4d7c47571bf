"""What the questions share: plans, stages, rows, figures, the command line."""

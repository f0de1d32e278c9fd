"""Downstream tasks through lm-eval: which tasks there are (`families`), how a task is defined in files (`definitions`), how a
model answers it (`harness`), and what is kept of every item (`items`)."""

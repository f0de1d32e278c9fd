"""Evaluation of the dense model and its variants."""

"""Masks: which weights of a model are kept, one bit each."""

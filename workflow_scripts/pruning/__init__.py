"""Pruning: criteria, patterns, statistics, the methods and the engine that drives them block by block."""

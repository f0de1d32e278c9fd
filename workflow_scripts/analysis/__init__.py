"""Analyses: from tables of measurements to tables of answers; nothing here loads a model."""

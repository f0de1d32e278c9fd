"""Magnitude: needs no calibration, and is the floor beside every other method."""

from workflow_scripts.pruning.methods.declaring import Declaration

METHOD = Declaration("Magnitude", statistics=None)

"""Wanda: norms of the inputs are all that it needs."""

from workflow_scripts.pruning.methods.declaring import Declaration

METHOD = Declaration("Wanda", statistics="squared_norms")

"""How many seeds or languages it takes to speak of something; by itself, for the workflow reads it before every job."""

FEWEST_SEEDS = 3
"""To speak of a calibration language."""
FEWEST_TO_CLUSTER = 3
"""Languages that a tree tells more of than one overlap does."""

"""How many seeds it takes to speak of a calibration language; by itself, for the workflow reads it before every job."""

FEWEST_SEEDS = 3

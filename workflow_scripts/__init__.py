"""polyprune: which language should the calibration texts of a pruned multilingual model be in?"""

__version__ = "0.1.0"

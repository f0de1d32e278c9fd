"""polyprune: which language should the calibration texts of a pruned multilingual model be in?"""

from workflow_scripts import process

__version__ = "0.1.0"

process.begin()

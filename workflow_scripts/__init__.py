"""polyprune: which language should the calibration texts of a pruned multilingual model be in?"""

from workflow_scripts.runtime import process

__version__ = "0.1.0"

# A process that imports the package for something else stays as it is.
if process.started_as(__name__):
    process.begin()

"""polyprune: which language should the calibration texts of a pruned multilingual model be in?"""

import gc

__version__ = "0.1.0"

# Importing torch and transformers makes a million objects that stay: to look for garbage among them takes a quarter of a
# step's start. `cli.run_step` sets this back.
gc.set_threshold(100_000, 50, 100)

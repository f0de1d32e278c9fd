"""Documents in many languages and the calibration windows cut from them."""

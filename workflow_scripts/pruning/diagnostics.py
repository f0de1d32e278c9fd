"""How far a pruned linear's output is from the dense one, on a sample of calibration tokens."""

import math

import torch


def relative_error(reference: torch.Tensor, output: torch.Tensor) -> float:
    """sum (y - y')^2 / sum y^2 over tokens and outputs [tokens, out_features]; NaN when the reference is all zero."""
    # On the CPU, for not every device knows float64.
    expected, found = reference.cpu().double(), output.cpu().double()
    power = expected.square().sum().item()
    noise = (expected - found).square().sum().item()
    return noise / power if power else math.nan


def decibel(error: float) -> float:
    """Signal-to-noise ratio in dB of a relative error; infinite without any error, NaN for NaN."""
    if error == 0:
        return math.inf
    return -10 * math.log10(error) if error > 0 else math.nan

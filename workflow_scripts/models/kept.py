"""A weight and its mask: zero what is dropped, pick what is kept, put it back.

None of it by a boolean index or fill of torch's, which on a CPU look at one number after the other: `benchmarks.kernels`.
"""

from collections.abc import Iterator

import numpy as np
import torch

PICKED = 2**21
"""Weights of which the kept ones are picked or put back at a time: their places take 8 bytes each."""

BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""The integers of so many bytes."""


def zero_dropped(weight: torch.Tensor, keep: torch.Tensor) -> None:
    """Write zero in place wherever `keep` is False, whatever was there; every other bit stays as it is.

    Args:
        weight: of any shape and floating dtype.
        keep: boolean, of the same shape and on the same device.
    """
    # As integers: a factor of zero would make NaN of an infinite or undefined number.
    weight.view(BITS[weight.itemsize]).mul_(keep.view(torch.uint8))


def gather_kept(mask: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The kept values of a linear [kept], row by row.

    Args:
        mask: boolean [out_features, in_features].
        weight: of the same shape, on the same device.
    """
    kept = weight.new_empty(torch.count_nonzero(mask).item())
    for part, places, values in _parts(mask, weight, kept):
        torch.index_select(part, 0, places, out=values)
    return kept


def scatter_kept(mask: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The inverse of `gather_kept`: [out_features, in_features] with zeros where the mask is False.

    Raises:
        ValueError: there are more or fewer values than the mask keeps.
    """
    expected = torch.count_nonzero(mask).item()
    if len(values) != expected:
        raise ValueError(f"{len(values)} values for a mask that keeps {expected}")
    weight = torch.zeros(mask.shape, dtype=values.dtype)
    for part, places, some in _parts(mask, weight, values):
        part.index_copy_(0, places, some)
    return weight


def _parts(
    mask: torch.Tensor, weight: torch.Tensor, values: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(PICKED weights, int64 places in them of those that are kept, their part of the kept values).

    A view of the values always, of the weights where they are contiguous.
    """
    end = 0
    for part, keep in zip(weight.flatten().split(PICKED), mask.flatten().split(PICKED), strict=True):
        # On a CPU numpy's search is vectorised, torch's is not.
        on_cpu = keep.device.type == "cpu"
        places = torch.from_numpy(np.flatnonzero(keep.numpy())) if on_cpu else keep.nonzero().squeeze(1)
        start, end = end, end + len(places)
        yield part, places, values[start:end]

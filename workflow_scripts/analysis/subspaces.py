"""The language-specific subspace of representations (LSAR, Xie et al. 2022), and what an error does inside and outside of it.

Languages differ in the mean of their sentences' vectors. With M [hidden, languages] those means and m the mean of its columns,
the subspace of rank r is spanned by the top r left singular vectors of M - m 1': Algorithm 1 of the paper, which shifts the
origin to the point of the affine hull of its low-rank means that is nearest to zero, ends in the same span. The agnostic part
of a vector is what is left when its projection on that span is taken away.
"""

from collections.abc import Mapping, Sequence

import numpy as np

RANDOM_DRAWS = 20
"""Random subspaces of equal rank that a language-specific one is held against."""


def language_basis(means: np.ndarray) -> np.ndarray:
    """Orthonormal directions along which languages differ, those that tell most first: [hidden, languages - 1].

    The first r of them span the language-specific subspace of rank r.

    Args:
        means: float [hidden, languages], the mean vector of each language.
    """
    centred = means - means.mean(axis=1, keepdims=True)
    left, _, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, : means.shape[1] - 1]


def random_bases(hidden: int, rank: int, draws: int = RANDOM_DRAWS) -> np.ndarray:
    """Orthonormal bases of uniformly random subspaces, always the same: [draws, hidden, rank]."""
    return np.linalg.qr(np.random.default_rng(0).standard_normal((draws, hidden, rank)))[0]


def explained(means: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Share of the variance between languages that the first r directions hold, for r from 1 on: [rank of the basis].

    Args:
        means: float [hidden, languages], of other sentences than the basis is from.
        basis: of `language_basis`.
    """
    centred = means - means.mean(axis=1, keepdims=True)
    return np.cumsum(((basis.T @ centred) ** 2).sum(axis=1)) / (centred**2).sum()


def energies(vectors: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, float]:
    """Squares summed over vectors: inside the first r directions for r from 1 on [rank of the basis], and in the whole space.

    Args:
        vectors: float [vectors, hidden].
        basis: orthonormal [hidden, rank].
    """
    return np.cumsum(((vectors @ basis) ** 2).sum(axis=0)), float((vectors**2).sum())


def retrieved(
    own: np.ndarray, other: np.ndarray, basis: np.ndarray, ranks: Sequence[int]
) -> Mapping[tuple[str, int], int]:
    """How many sentences have their own translation as the nearest neighbour in another language, by cosine.

    Args:
        own: float [sentences, hidden].
        other: the same of their translations, in equal order.
        basis: of `language_basis`.
        ranks: ranks of the subspace.

    Returns:
        (part, rank) -> sentences, for the parts `specific` and `agnostic` of each rank, and ("whole", 0). Not for the
        specific part of rank 1: on a line every cosine is 1 or -1, and roundings would choose.
    """
    whole, lengths = own @ other.T, (other**2).sum(axis=1)
    found = {("whole", 0): _hits(whole, lengths)}
    for rank in ranks:
        first, second = own @ basis[:, :rank], other @ basis[:, :rank]
        inside, within = first @ second.T, (second**2).sum(axis=1)
        if rank > 1:
            found["specific", rank] = _hits(inside, within)
        found["agnostic", rank] = _hits(whole - inside, lengths - within)
    return found


def _hits(products: np.ndarray, squares: np.ndarray) -> int:
    """Rows of inner products whose greatest cosine is on the diagonal; a row's own length changes no order."""
    cosines = products / np.sqrt(np.maximum(squares, np.finfo(np.float64).tiny))
    return int((cosines.argmax(axis=1) == np.arange(len(cosines))).sum())

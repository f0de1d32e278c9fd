"""The language-specific subspace against the published algorithm, and against planted directions."""

import numpy as np
import pytest

from workflow_scripts.analysis.subspaces import energies, explained, language_basis, random_bases, retrieved


def published(means: np.ndarray, rank: int) -> np.ndarray:
    """Algorithm 1 of LSAR step by step: low-rank means, nearest point of their affine hull to zero, SVD about it."""
    languages = means.shape[1]
    common = means.mean(axis=1)
    left, values, right = np.linalg.svd(means - np.outer(common, np.ones(languages)))
    low = np.outer(common, np.ones(languages)) + left[:, :rank] @ np.diag(values[:rank]) @ right[:rank]
    ones = np.linalg.pinv(low).T @ np.ones(languages)
    nearest = ones / (ones @ ones)
    return np.linalg.svd(low - np.outer(nearest, np.ones(languages)))[0][:, :rank]


@pytest.mark.parametrize("languages", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_the_basis_spans_what_the_published_algorithm_ends_with(languages, seed):
    rng = np.random.default_rng(seed)
    means = rng.standard_normal((24, languages)) + 5 * rng.standard_normal((24, 1))
    basis = language_basis(means)
    assert basis.shape == (24, languages - 1)
    for rank in range(1, languages):
        expected = published(means, rank)
        np.testing.assert_allclose(basis[:, :rank] @ basis[:, :rank].T, expected @ expected.T, atol=1e-9)


def test_a_planted_subspace_is_found_and_holds_all_that_tells_languages():
    rng = np.random.default_rng(1)
    planted = np.linalg.qr(rng.standard_normal((30, 2)))[0]
    means = planted @ rng.standard_normal((2, 5)) + rng.standard_normal((30, 1))
    basis = language_basis(means)[:, :2]
    np.testing.assert_allclose(basis @ basis.T, planted @ planted.T, atol=1e-9)
    other = planted @ rng.standard_normal((2, 5)) + rng.standard_normal((30, 1))
    shares = explained(other, language_basis(means))
    assert shares[0] < 1
    np.testing.assert_allclose(shares[1:], 1)


def test_energies_are_those_of_projections():
    rng = np.random.default_rng(2)
    vectors, basis = rng.standard_normal((9, 12)), np.linalg.qr(rng.standard_normal((12, 4)))[0]
    inside, total = energies(vectors, basis)
    for rank in range(1, 5):
        projected = vectors @ basis[:, :rank] @ basis[:, :rank].T
        assert inside[rank - 1] == pytest.approx((projected**2).sum())
        assert total - inside[rank - 1] == pytest.approx(((vectors - projected) ** 2).sum())


def test_random_bases_are_orthonormal_and_hold_their_share():
    bases = random_bases(200, 5, draws=60)
    np.testing.assert_allclose(bases[7].T @ bases[7], np.eye(5), atol=1e-9)
    vector = np.random.default_rng(3).standard_normal((1, 200))
    shares = [energies(vector, basis)[0][-1] / (vector**2).sum() for basis in bases]
    assert np.mean(shares) == pytest.approx(5 / 200, rel=0.2)


def test_translations_are_retrieved_by_the_agnostic_part_alone():
    """Meaning in ten directions, language in two others of which each language has its own loud value."""
    rng = np.random.default_rng(4)
    meaning = np.concatenate([rng.standard_normal((40, 10)), np.zeros((40, 2))], axis=1)
    offsets = np.zeros((3, 12))
    offsets[:, 10:] = 50 * rng.standard_normal((3, 2))
    languages = [meaning + 0.1 * rng.standard_normal((40, 12)) + offset for offset in offsets]
    basis = language_basis(np.stack([vectors.mean(0) for vectors in languages], axis=1))
    found = retrieved(languages[0], languages[1], basis, [2])
    assert found["agnostic", 2] == 40
    assert found["specific", 2] < 10
    assert found["whole", 0] < 40


def test_retrieval_is_by_cosine():
    rng = np.random.default_rng(5)
    own, other = rng.standard_normal((2, 25, 8))
    basis = language_basis(rng.standard_normal((8, 4)))
    found = retrieved(own, other, basis, [2, 3])
    # On a line every cosine is 1 or -1, so that rank 1 would compare roundings.
    assert ("specific", 1) not in retrieved(own, other, basis, [1])
    for rank in (2, 3):
        projection = basis[:, :rank] @ basis[:, :rank].T
        for part, matrix in (("specific", projection), ("agnostic", np.eye(8) - projection)):
            first, second = own @ matrix, other @ matrix
            cosines = (first / np.linalg.norm(first, axis=1)[:, None]) @ (
                second / np.linalg.norm(second, axis=1)[:, None]
            ).T
            assert found[part, rank] == sum(cosines[n].argmax() == n for n in range(25))

"""A simulated study for the tests of analyses and reporting."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def study():
    """The tables `perplexity` and `overlap` of de, en, sw x wanda, sparsegpt x 3 seeds."""
    from simulated_study import simulate

    return simulate()

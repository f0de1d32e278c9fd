"""Tables of simulated studies for the tests of reporting."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))

STUDIES = {
    "small": {},
    "one seed": {"seeds": 1},
    "one language": {"languages": ["de"]},
    "published": {"documents": 4, "blocks": 2},
    "no English": {"languages": ["de", "sw"], "methods": ["wanda"]},
    "large": {
        "languages": ["ar", "de", "en", "es", "ru", "sw", "zh"],
        "models": ["small", "large"],
        "patterns": ["0.5", "2:4"],
        "mixtures": ["en+sw"],
        "documents": 4,
        "blocks": 2,
    },
}


@pytest.fixture(scope="session")
def tables_of():
    """A function from the name of a simulated study to its tables, each made once."""
    from simulated_study import published, simulate, simulate_layers

    from workflow_scripts.analysis.tables import analyse

    made = {}

    def tables(name):
        if name not in made:
            perplexity, overlap = simulate(**STUDIES[name])
            perplexity = published(perplexity) if name == "published" else perplexity
            made[name] = analyse(perplexity, overlap, simulate_layers(**STUDIES[name]))
        return made[name]

    return tables


@pytest.fixture(scope="session", params=STUDIES)
def any_tables(request, tables_of):
    """The tables of each simulated study in turn."""
    return tables_of(request.param)

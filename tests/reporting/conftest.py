"""Tables and pages of simulated studies for the tests of reporting."""

import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))

FACTS = {
    "name": "default",
    "command": "snakemake --cores all --configfile studies/a-study-with-a-rather-long-name.yaml",
    "models": [{"name": "gemma-3-270m", "source": "a package", "licence": "its terms", "revision": "abc123"}],
    "corpora": [{"name": "embedded", "source": "ours", "licence": "CC0-1.0"}],
    "versions": {"torch": "2.13.0", "polyprune": "0.1.0"},
}
STUDIES = {
    "small": {},
    "one seed": {"seeds": 1},
    "one language": {"languages": ["de"]},
    "published": {"documents": 4, "blocks": 2},
    "no English": {"languages": ["de", "sw"], "methods": ["wanda"]},
    "controls": {
        "calibrations": ["de", "en", "sw", "de-elsewhere", "noise", "sw-generated", "sw-news", "sw-shuffled"],
        "mixtures": ["all", "en+sw"],
        "items": 40,
        "blocks": 3,
    },
    "tasks": {"passages": 60, "blocks": 2},
    "two seeds of tasks": {"passages": 40, "blocks": 2, "seeds": 2},
    "one seed of controls": {
        "calibrations": ["en", "sw", "noise", "sw-shuffled"],
        "languages": ["en", "sw"],
        "mixtures": ["en+sw"],
        "seeds": 1,
        "items": 40,
        "blocks": 3,
    },
    "large": {
        "languages": ["ar", "de", "en", "es", "ru", "sw", "zh"],
        "models": ["small", "large"],
        "patterns": ["0.5", "2:4"],
        "mixtures": ["en+sw"],
        "documents": 4,
        "blocks": 2,
    },
}


def calibrations_in(name):
    """What the workflow says of the calibrations of a simulated study."""
    from simulated_study import described

    study = STUDIES[name]
    languages = study.get("calibrations", study.get("languages", ["de", "en", "sw"]))
    return described([*languages, *study.get("mixtures", [])])


@pytest.fixture(scope="session")
def tables_of(once):
    """A function from the name of a simulated study to its tables, each made once."""
    from simulated_study import published, simulate, simulate_cloze, simulate_layers, simulate_tasks, simulate_written

    from workflow_scripts.analysis.tables import analyse

    def make(name):
        study = STUDIES[name]
        perplexity, overlap = simulate(**{k: v for k, v in study.items() if k not in ("items", "passages")})
        perplexity = published(perplexity) if name == "published" else perplexity
        kinds = {each: entry["kind"] for each, entry in calibrations_in(name).items()}
        items = simulate_cloze(**study) if "items" in study else None
        tasks = simulate_tasks(**study) if "passages" in study else None
        written = simulate_written(**study) if "items" in study else (None, None)
        return analyse(perplexity, overlap, simulate_layers(**study), kinds, items, tasks, *written)

    return lambda name: once(f"tables of {name}", lambda: make(name))


@pytest.fixture(scope="session")
def facts():
    """What a study says of itself, beside its tables."""
    return FACTS


@pytest.fixture(scope="session")
def page_of(once, tables_of):
    """A function from the name of a simulated study to its page, with all that is known of the study."""
    from workflow_scripts.reporting.page import render_report

    def make(name):
        perplexity = pl.DataFrame({"doc_id": ["a,b", 'c"d'], "nats": [1.5, None]})
        return render_report(FACTS | {"calibrations": calibrations_in(name)}, tables_of(name), perplexity)

    return lambda name: once(f"page of {name}", lambda: make(name))


@pytest.fixture(scope="session")
def bare_page_of(once, tables_of):
    """A function from the name of a simulated study to its page, with next to nothing known of the study."""
    from workflow_scripts.reporting.page import render_report

    bare = {"name": "bare", "models": [{"name": "m"}]}
    return lambda name: once(f"bare page of {name}", lambda: render_report(bare, tables_of(name)))


@pytest.fixture(scope="session")
def calibrations_of():
    """A function from the name of a simulated study to what the workflow says of its calibrations."""
    return calibrations_in


@pytest.fixture(scope="session", params=STUDIES)
def any_study(request):
    """The name of each simulated study in turn."""
    return request.param


@pytest.fixture(scope="session")
def any_tables(any_study, tables_of):
    """The tables of each simulated study in turn."""
    return tables_of(any_study)

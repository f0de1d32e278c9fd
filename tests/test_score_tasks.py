"""The steps of tasks on a tiny model: one load for all, what is left alone, what a killed job goes on from."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import save_checkpoint
from tests.evaluation.task_files import items, write_task
from workflow_scripts.artifacts.files import ArtifactError, read_provenance, read_table
from workflow_scripts.artifacts.paths import Grid, Variant, task_path, variant_folder
from workflow_scripts.evaluation.tasks.definitions import task_inputs
from workflow_scripts.evaluation.tasks.families import OWN
from workflow_scripts.evaluation.tasks.harness import SavingLM
from workflow_scripts.steps.prepare_model import prepare_model
from workflow_scripts.steps.prune_model import Parameters as PruningParameters
from workflow_scripts.steps.prune_model import prune_model
from workflow_scripts.steps.score_tasks import Parameters, score_tasks
from workflow_scripts.steps.tabulate_tasks import TASKS_TABLE, tabulate_tasks

PARAMETERS = Parameters(items=4, lm_eval="0", device="cpu")
PATTERNS = ("0.25", "0.5")
GRID = Grid(("tiny",), (), PATTERNS, "s", "sequential", (), (), (), "", ())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Record of a tiny model, and its magnitude masks of two patterns."""
    folder = tmp_path_factory.mktemp("tasks")
    record = folder / "results/models/tiny/provenance.json"
    prepare_model(record=record, checkpoint=sorted(save_checkpoint(folder / "given").iterdir()))
    for pattern in PATTERNS:
        target = variant_folder(folder / "results", "tiny", Variant.uncalibrated("magnitude", pattern))
        parameters = PruningParameters("magnitude", pattern, device="cpu")
        prune_model(
            model=record, masks=target / "masks.parquet", layers=target / "layers.parquet", parameters=parameters
        )
    return record


@pytest.fixture
def tasks(tmp_path):
    """Two task files: name -> YAML."""
    return {name: write_task(tmp_path / "given", name, items(count)) for name, count in (("news", 6), ("trade", 4))}


def masks_of(model):
    return [
        variant_folder(model.parents[2], "tiny", Variant.uncalibrated("magnitude", pattern)) / "masks.parquet"
        for pattern in PATTERNS
    ]


def run(model, tasks, folder, masks=None, parameters=PARAMETERS):
    """Score tasks; the outputs, task by task, in the folders of the variants."""
    given = {
        f"task_{name}": {"file": str(path), "inputs": [str(file) for file in task_inputs(str(path), None, "")]}
        for name, path in tasks.items()
    }
    variants = [str(path.parent.parent.name) for path in masks or []] or ["dense"]
    output = [folder / name / f"{number}.parquet" for name in tasks for number in range(len(variants))]
    score_tasks(
        model=model,
        output=output,
        parameters=parameters,
        tasks=json.dumps({f"task_{name}": OWN for name in tasks}),
        sources=json.dumps(given),
        language="en",
        masks=masks,
        progress=folder / "progress",
        code="c",
    )
    return output


def state(paths):
    return {path: (path.read_bytes(), path.stat().st_ino) for path in paths}


def test_masks_are_swapped_in_place_and_give_what_a_job_of_their_own_gives(model, tasks, tmp_path):
    masks = masks_of(model)
    together = run(model, tasks, tmp_path / "together", masks)
    alone = [run(model, tasks, tmp_path / f"alone{number}", [mask]) for number, mask in enumerate(masks)]
    # Task by task here, variant by variant there.
    assert [path.read_bytes() for path in together] == [alone[v][t].read_bytes() for t in (0, 1) for v in (0, 1)]
    dense = run(model, tasks, tmp_path / "dense")
    scores = [read_table(path)["loglikelihoods"].to_pylist() for path in (dense[0], *together[:2])]
    assert scores[0] != scores[1] != scores[2] != scores[0]
    assert not list(tmp_path.glob("*/progress/*"))


def test_a_further_task_or_a_changed_one_touches_no_other(model, tasks, tmp_path):
    first = {"news": tasks["news"]}
    before = state(run(model, first, tmp_path))
    after = run(model, tasks, tmp_path)
    assert state(after[:1]) == before
    before = state(after)
    text = tasks["trade"].read_text()
    tasks["trade"].write_text(text.replace("{{question}}", "{{question}} a"))
    changed = state(run(model, tasks, tmp_path))
    assert changed[after[0]] == before[after[0]]
    assert changed[after[1]][0] != before[after[1]][0]
    data = tasks["news"].with_suffix(".jsonl")
    data.write_text(data.read_text().replace("abc", "cba"))
    again = state(run(model, tasks, tmp_path))
    assert again[after[0]][0] != changed[after[0]][0] and again[after[1]] == changed[after[1]]


def test_nothing_to_score_loads_no_model(model, tasks, tmp_path, monkeypatch):
    output = run(model, tasks, tmp_path)
    for path in output:
        os.utime(path, (0, 0))
    monkeypatch.setattr("workflow_scripts.models.checkpoint.load_model", lambda *_: pytest.fail("a model was loaded"))
    run(model, tasks, tmp_path)
    assert all(path.stat().st_mtime > 0 for path in output)


def test_a_killed_job_goes_on_from_its_answers_and_ends_with_equal_bytes(model, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr("workflow_scripts.evaluation.tasks.harness.SLICE", 3)
    expected = state(run(model, tasks, tmp_path / "whole", masks_of(model)))
    forward, calls = SavingLM._loglikelihood_tokens, []

    def counting(self, requests, **options):
        calls.append(len(requests))
        if len(calls) == 7:
            raise KeyboardInterrupt
        return forward(self, requests, **options)

    monkeypatch.setattr(SavingLM, "_loglikelihood_tokens", counting)
    with pytest.raises(KeyboardInterrupt):
        run(model, tasks, tmp_path / "killed", masks_of(model))
    # Snakemake deletes what a killed job wrote.
    for path in (tmp_path / "killed").glob("*/*.parquet"):
        path.unlink()
    saved = sorted((tmp_path / "killed/progress").glob("*/*.json"))
    assert len(saved) == 6
    # One that was cut short is answered again.
    saved[0].write_bytes(saved[0].read_bytes()[:-20])
    calls.clear()
    calls += [0] * 100
    output = run(model, tasks, tmp_path / "killed", masks_of(model))
    # Two tasks of two variants, four items of three choices each.
    assert len(calls) - 100 == 2 * 2 * 4 - 6 + 1
    assert [path.read_bytes() for path in output] == [content for content, _ in expected.values()]
    assert not list((tmp_path / "killed/progress").iterdir())


def test_an_artifact_says_what_its_own_task_was_made_from(model, tasks, tmp_path):
    provenance = read_provenance(run(model, tasks, tmp_path, masks_of(model)[:1])[0])
    assert (
        provenance["inputs"].keys() == {"model", "masks", "task_news"} and len(provenance["inputs"]["task_news"]) == 2
    )
    assert "task_trade" not in provenance["parameters"] and provenance["parameters"]["lm_eval"] == "0"
    assert str(tmp_path) not in json.dumps(provenance)
    assert "progress" not in json.dumps(provenance)


def test_outputs_must_fit_tasks_and_variants(model, tasks, tmp_path):
    with pytest.raises(ValueError, match="0 files to write for 0 mask stores"):
        score_tasks(
            model=model,
            output=[tmp_path / "a.parquet"],
            parameters=PARAMETERS,
            tasks=json.dumps({f"task_{name}": OWN for name in tasks}),
            sources=json.dumps({f"task_{name}": {"file": str(path)} for name, path in tasks.items()}),
            language="en",
        )


def test_the_table_has_a_row_for_each_variant_and_item_and_refuses_other_models(model, tasks, tmp_path):
    results = model.parents[2]
    variants = list(GRID.variants())
    for variant in variants:
        masks = [variant_folder(results, "tiny", variant) / "masks.parquet"] if variant != Variant.dense() else None
        for name, path in zip(tasks, run(model, tasks, tmp_path / variant.pattern, masks), strict=True):
            target = task_path(results, "tiny", variant, f"{name}-4", "en")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(Path(path).read_bytes())
    told = {"grid": json.dumps(vars(GRID)), "languages": json.dumps({name: ["en"] for name in tasks}), "items": "4"}
    tabulate_tasks(results=results, output=tmp_path / "tasks.parquet", **told)
    table = pl.read_parquet(tmp_path / "tasks.parquet")
    assert table.schema == TASKS_TABLE
    assert len(table) == 2 * 4 * len(variants)
    assert set(table["corpus"]) == {"news", "trade"} and set(table["variant"]) == {v.path for v in variants}
    copy = task_path(results, "tiny", variants[1], "news-4", "en")
    copy.write_bytes(task_path(results, "tiny", variants[0], "news-4", "en").read_bytes())
    with pytest.raises(ArtifactError, match="were made of the same inputs"):
        tabulate_tasks(results=results, output=tmp_path / "tasks.parquet", **told)

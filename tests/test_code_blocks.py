"""Every block of code in README.md and the documents: executed here, or marked with the reason why not."""

import copy
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml

from tests.conftest import save_checkpoint, write_local_corpus
from tests.evaluation.task_files import items, write_task
from tests.in_process import run_here
from tests.test_steps import masks_of, prune, record_of, sample
from tests.test_steps import results as results
from tests.tiny_gguf import save_gguf
from tests.workflow.project import tiny_study
from workflow_scripts.artifacts.paths import Variant, variant_folder
from workflow_scripts.study import read_study

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"(?:<!-- not run by the tests of documents: (?P<why>[^\n]+) -->\n *)?```(?P<kind>\w+)\n(?P<code>.*?)^ *```$",
    re.S | re.M,
)
LANGUAGES = ("de", "en", "es", "sw")
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def blocks() -> list[tuple[str, dict[str, str | None]]]:
    """Document and block, of all documents that users read."""
    documents = [ROOT / "README.md", ROOT / "benchmarks/README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [
        (f"{document.relative_to(ROOT)}, block {number}", found.groupdict())
        for document in documents
        for number, found in enumerate(BLOCK.finditer(document.read_text(encoding="utf-8")), 1)
    ]


BLOCKS = blocks()


def of_kind(kind: str) -> list[pytest.param]:
    return [
        pytest.param(block["code"], id=name) for name, block in BLOCKS if block["kind"] == kind and not block["why"]
    ]


def test_every_block_is_executed_or_marked_with_its_reason():
    assert {block["kind"] for _, block in BLOCKS} == {"python", "sh", "yaml"}
    assert [f"{name}: {block['why']}" for name, block in BLOCKS if block["why"]] == [
        "README.md, block 1: .ci/run runs it in a clean clone",
        "README.md, block 2: .ci/run runs it in a clean clone",
        "README.md, block 13: it needs SLURM: tests/workflow/test_where_it_runs.py starts one",
        "benchmarks/README.md, block 1: it installs the peers, gigabytes of them",
        "docs/clusters.md, block 1: it needs SLURM: tests/workflow/test_where_it_runs.py starts one",
        "docs/clusters.md, block 2: it needs SLURM: tests/workflow/test_where_it_runs.py starts one",
        "docs/clusters.md, block 3: it needs a cluster: tests/workflow/test_generic_cluster.py has one",
        "docs/clusters.md, block 4: it needs Kubernetes: tests/workflow/test_kubernetes.py stands in for it",
        "docs/clusters.md, block 5: it needs a builder of containers; not run anywhere",
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with what the documents name: models, texts, tasks, questions, a study."""
    folder = tmp_path_factory.mktemp("home")
    save_checkpoint(folder / "checkpoints/mine")
    save_gguf(folder / "downloads/small.gguf")
    write_local_corpus(folder / "data/news", list(LANGUAGES), documents=200)
    for path in (folder / "data/news").iterdir():
        path.write_text(path.read_text().replace('"text"', '"body"'))
    write_local_corpus(folder / "data/bible", ["sw"], documents=200, seed=1)
    for language in ("en", "sw"):
        write_task(folder / "tasks", f"facts_{language}", items(4))
    (folder / "data/belebele").mkdir()
    (folder / "data/belebele/eng_Latn.jsonl").write_text("{}\n")
    row = (
        '{{"example_id": {0}, "queries": {{"en": "q{0}"}}, "answers": {{"en": [{{"type": "entity", "text": "a"}}]}}}}\n'
    )
    (folder / "data/mkqa.jsonl").write_text("".join(row.format(number) for number in range(120)))
    save_checkpoint(folder / "inputs/tiny")
    write_local_corpus(folder / "inputs/letters", ["aa", "bb"])
    (folder / "my-study.yaml").write_text(yaml.safe_dump(tiny_study()))
    return folder


@pytest.mark.parametrize("code", of_kind("yaml"))
def test_a_fragment_of_a_study_is_a_study_with_the_rest_of_the_default(home, monkeypatch, code):
    monkeypatch.chdir(home)
    given = yaml.safe_load(code)
    if "calibrations" in given:
        given = {
            "calibration": {"calibrations": given["calibrations"]},
            "evaluation": {"languages": given["languages"]},
        }
    study = copy.deepcopy(DEFAULT)
    for section, values in given.items():
        study[section] = study[section] | values
    if "mine" in study["models"]:
        study["models"].pop("gemma-3-270m")
        study["calibration"]["length"] = study["evaluation"]["length"] = 32
    if "news" in study["corpora"]:
        study["calibration"]["corpus"] = study["evaluation"]["corpus"] = "news"
    study["corpora"]["bible"] = {"kind": "local", "path": "data/bible", "evaluation_share": 0}
    if questions := study["evaluation"].get("questions"):
        # Packed or not, as the document has it.
        questions["path"] = questions["path"].removesuffix(".gz")
    study["calibration"]["seeds"] = [0]
    assert read_study(study, with_texts=True)


@pytest.mark.parametrize("code", of_kind("sh"))
def test_a_command_does_what_it_says(home, monkeypatch, code):
    monkeypatch.chdir(home)
    for line in code.strip().splitlines():
        python, *words = line.split()
        assert python == "python"
        done = run_here([sys.executable, *words])
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.strip()


@pytest.mark.parametrize("method", ["wanda", "sparsegpt"])
@pytest.mark.parametrize("code", of_kind("python"))
def test_a_program_runs_on_what_a_study_leaves(results, monkeypatch, code, method):
    variant = Variant(method, "0.5", "letters-2x16", "sequential", "aa", 0)
    folder = variant_folder(results, "tiny", variant)
    if method == "sparsegpt":
        sample(results, variant)
        prune(results, variant, weights=folder / "weights.safetensors")
    monkeypatch.chdir(results.parent)
    code = code.replace("results/pruned/gemma-3-270m/wanda/0.5/embedded-8x256-sequential/sw/0", str(folder))
    code = code.replace("results/models/gemma-3-270m/provenance.json", str(record_of(results)))
    if method == "sparsegpt":
        code = code.replace(
            'variant / "masks.parquet")  # of SparseGPT',
            'variant / "masks.parquet", variant / "weights.safetensors")  #',
        )
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    mask = torch.from_numpy(names["store"].read(0, "mlp.up_proj"))
    assert masks_of(results, variant).is_file()
    weight = names["model"].model.layers[0].mlp.up_proj.weight
    assert torch.equal(weight != 0, mask)

"""Every family of docs/models.md, from its checkpoint to its scores, through the steps; the truth is transformers alone."""

from pathlib import Path

import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.conftest import CONFIGS, MIXTURES, tiny_tokenizer, write_local_corpus
from tests.families import FAMILIES, FURTHER, PAGE, QUICK, page, tiny_of_family
from tests.pruning import reference
from workflow_scripts.corpora.tokens import read_boundary, read_tokens
from workflow_scripts.evaluation.cloze_items import read_encoded
from workflow_scripts.evaluation.texts import Parameters as PerplexityParameters
from workflow_scripts.masks.store import MaskStore
from workflow_scripts.models.blocks import iterate_linears
from workflow_scripts.models.experts import ExpertLinear
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.steps.collect_documents import Parameters as DocumentParameters
from workflow_scripts.steps.collect_documents import collect_documents
from workflow_scripts.steps.collect_states import collect_states
from workflow_scripts.steps.measure_perplexity import measure_perplexity
from workflow_scripts.steps.prepare_model import prepare_model
from workflow_scripts.steps.prune_model import Parameters as PruningParameters
from workflow_scripts.steps.prune_model import prune_model
from workflow_scripts.steps.sample_calibration import Parameters as SampleParameters
from workflow_scripts.steps.sample_calibration import sample_calibration
from workflow_scripts.steps.score_cloze import Parameters as ClozeParameters
from workflow_scripts.steps.score_cloze import score_cloze
from workflow_scripts.steps.tokenize_cloze import tokenize_cloze
from workflow_scripts.steps.tokenize_documents import tokenize_documents

LENGTH = 24
ITEMS = Path(__file__).parents[1] / "workflow_scripts/evaluation/data/cloze/en.jsonl"
PRECISION = {"xglm": "float32"}
"""Of masks; float64 where a family does not overflow in it."""
CLOSE = 1e-4
"""Relative difference of sums of float32 that other kernels have computed."""


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> Path:
    """Documents of a language, more than a window long."""
    folder = tmp_path_factory.mktemp("corpus")
    write_local_corpus(folder / "letters", ["aa"])
    collect_documents(
        output=folder / "aa.parquet", parameters=DocumentParameters("local", "aa"), path=str(folder / "letters")
    )
    return folder / "aa.parquet"


@pytest.mark.parametrize("family", [*QUICK, *(pytest.param(family, marks=pytest.mark.slow) for family in FURTHER)])
def test_a_family_is_pruned_and_evaluated_as_by_transformers_alone(tmp_path, documents, family):
    given = tmp_path / "given"
    tiny_of_family(family).save_pretrained(given)
    tiny_tokenizer().save_pretrained(given)
    record, windows, masks = (tmp_path / name for name in ("model/provenance.json", "windows.parquet", "masks.parquet"))
    tokens, cloze = tmp_path / "tokens/aa.parquet", tmp_path / "cloze.parquet"
    prepare_model(record=record, checkpoint=sorted(given.iterdir()))
    tokenize_documents(model=record, documents=documents, output=tokens)
    sample_calibration(
        model=record,
        tokens=[tokens],
        output=windows,
        parameters=SampleParameters("letters", {"aa": 1.0}, 16, 0, windows=3),
    )
    how = {"batch": 2, "device": "cpu"}
    prune_model(
        model=record,
        masks=masks,
        layers=tmp_path / "layers.parquet",
        windows=windows,
        parameters=PruningParameters("wanda", "0.5", dtype=PRECISION.get(family, "float64"), **how),
    )
    texts = {"model": record, "tokens": tokens, "parameters": PerplexityParameters(documents=3, length=LENGTH, **how)}
    collect_states(output=tmp_path / "states.safetensors", **texts)
    scores = [tmp_path / "dense.parquet", tmp_path / "pruned.parquet"]
    measure_perplexity(output=scores, states=tmp_path / "states.safetensors", masks=[masks], **texts)
    tokenize_cloze(model=record, output=cloze, cloze=ITEMS)
    answers = [tmp_path / "dense-cloze.parquet", tmp_path / "pruned-cloze.parquet"]
    score_cloze(
        model=record, cloze=cloze, output=answers, masks=[masks], parameters=ClozeParameters(2, 200, device="cpu")
    )

    expected = masks_of_reference(given, windows, getattr(torch, PRECISION.get(family, "float64")))
    store = {(linear.block, linear.module): torch.from_numpy(mask) for linear, mask in MaskStore(masks)}
    assert store.keys() >= expected.keys()
    for place, (mask, _) in expected.items():
        assert torch.equal(store[place], mask), place

    model = AutoModelForCausalLM.from_pretrained(given, dtype=torch.float32, attn_implementation="eager")
    for score, answer in zip(scores, answers, strict=True):
        assert pl.read_parquet(score)["nats"].to_list() == pytest.approx(nats(model, record, tokens), rel=CLOSE)
        found = [value for row in pl.read_parquet(answer)["loglikelihoods"].to_list() for value in row]
        assert found == pytest.approx(likelihoods(model, read_encoded(cloze, 2)), rel=CLOSE, abs=1e-3)
        put(model, store)


@torch.no_grad()
def masks_of_reference(given: Path, windows: Path, dtype: torch.dtype) -> dict:
    """Masks of Wanda by whole forward passes of the plain model, a window at a time; experts, which it does not know, left out."""
    model = AutoModelForCausalLM.from_pretrained(given, dtype=dtype, attn_implementation="eager")
    if any(isinstance(linear, ExpertLinear) for _, _, linear in iterate_linears(model)):
        # `test_experts.py` has a reference for them.
        return {}
    ids = torch.tensor(pl.read_parquet(windows)["token_ids"].to_list())
    return reference.prune(model, ids, "wanda", parse_pattern("0.5"))


@torch.no_grad()
def nats(model, record: Path, tokens: Path) -> list[float]:
    """Of every document, cut after LENGTH - 1 tokens, each part alone."""
    start = read_boundary(record).start
    found = []
    for document in read_tokens(tokens, "evaluation")[:3]:
        ids = document.token_ids
        parts = [[start, *ids[at : at + LENGTH - 1]] for at in range(0, len(ids), LENGTH - 1)]
        found.append(-sum(likelihood(model, part, 1) for part in parts))
    return found


@torch.no_grad()
def likelihoods(model, items) -> list[float]:
    return [likelihood(model, list(statement), item.shared) for item in items for statement in item.statements]


def likelihood(model, ids: list[int], scored_from: int) -> float:
    """Log-likelihood of the tokens of a text from a place on, from the model's own logits."""
    logits = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return sum(logits[place - 1, ids[place]].item() for place in range(scored_from, len(ids)))


@torch.no_grad()
def put(model, masks: dict[tuple[int, str], torch.Tensor]) -> None:
    for block, module, linear in iterate_linears(model):
        linear.weight.mul_(masks[block, module])


def test_the_page_names_the_families_that_are_tested():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.families"
    assert len(FAMILIES) == len(QUICK) + len(FURTHER)


def test_whatever_the_tests_of_pruning_prune_is_evaluated_here():
    kinds = {kind: (CONFIGS | MIXTURES)[kind]().model_type for kind in CONFIGS | MIXTURES}
    assert set(kinds.values()) <= set(QUICK)

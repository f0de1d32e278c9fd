"""Tiny models of every supported kind, built in the test: no download, a fraction of a second each. And who runs which tests."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import torch
from filelock import FileLock
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    CohereConfig,
    Gemma3TextConfig,
    LlamaConfig,
    MixtralConfig,
    OlmoeConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
)
from xdist.scheduler import LoadFileScheduling

from workflow_scripts.artifacts.files import make_provenance, write_json
from workflow_scripts.models import sources

# A loaded machine is no failure: tests assert no times.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Tests run side by side, on models so small that a second thread only waits.
torch.set_num_threads(1)

# A worker takes a whole file: as the last, these would leave the other worker idle for minutes.
LONGEST = ["test_smoke.py", "test_where_it_runs.py", "test_staleness.py", "test_real_model.py"]
PARTS = {"test_staleness.py": 4}
"""Files whose tests share what they need among workers (see `once`): in how many parts workers take them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all others in their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


class _ByFileOrPart(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        parts = PARTS.get(Path(file).name, 1)
        return f"{file} {crc32(nodeid.encode()) % parts}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """A file a worker, but those of `PARTS`."""
    return _ByFileOrPart(config, log)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same for all workers."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def once(shared: Path) -> Callable[[str, Callable[[], Any]], Any]:
    """A function that gives what `make` makes under a name: made by the worker that asks first, read by the others."""
    made = {}

    def get(name: str, make: Callable[[], Any]) -> Any:
        if name not in made:
            file = shared / f"{name}.pickle"
            with FileLock(f"{file}.lock"):
                if not file.exists():
                    file.write_bytes(pickle.dumps(make()))
            made[name] = pickle.loads(file.read_bytes())
        return made[name]

    return get


SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
CONFIGS = {
    "llama": lambda: LlamaConfig(**SIZES),
    "qwen3": lambda: Qwen3Config(**SIZES, head_dim=8),
    # A window shorter than the texts, and one layer of the other type.
    "gemma3": lambda: Gemma3TextConfig(
        **SIZES,
        head_dim=8,
        sliding_window=6,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        query_pre_attn_scalar=8,
    ),
    # Blocks that return a tuple, biases, one linear for q, k and v.
    "bloom": lambda: BloomConfig(vocab_size=96, hidden_size=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=2),
    # Attention and MLP of one block read the same tensor.
    "cohere": lambda: CohereConfig(**SIZES, logit_scale=0.25),
}

EXPERTS = {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
MIXTURES = {
    "mixtral": lambda: MixtralConfig(**SIZES, num_local_experts=5, num_experts_per_tok=2),
    "olmoe": lambda: OlmoeConfig(**SIZES, num_experts=5, num_experts_per_tok=2),
    # A shared expert with a gate of its own.
    "qwen2_moe": lambda: Qwen2MoeConfig(**SIZES, **EXPERTS, shared_expert_intermediate_size=40),
    # One block that is no mixture.
    "qwen3_moe": lambda: Qwen3MoeConfig(**SIZES, **EXPERTS, head_dim=8, mlp_only_layers=[1]),
}
"""Mixtures of experts: not among `CONFIGS`, as they hold linears that are no modules."""


def tiny_model(kind: str, dtype: torch.dtype = torch.float64, seed: int = 0) -> PreTrainedModel:
    """A model with random weights, large enough that every linear matters."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config((CONFIGS | MIXTURES)[kind]()).to(dtype).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.mul_(5)
    return model


def tiny_tokenizer(bos: bool = True, eos: bool = True) -> PreTrainedTokenizerFast:
    """A token a letter, `<bos>` first and an `<eos>` known if wanted."""
    vocabulary = {"<pad>": 0, "<bos>": 1, "<eos>": 2, "<unk>": 3}
    vocabulary |= {letter: 4 + index for index, letter in enumerate(" abcdefghijklmnopqrstuvwxyz.,\nABCDEFGHIJ")}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    if bos:
        from tokenizers.processors import TemplateProcessing

        raw.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<bos>" if bos else None,
        eos_token="<eos>" if eos else None,
        unk_token="<unk>",
        pad_token="<pad>",
    )


def save_checkpoint(folder: Path, kind: str = "llama", seed: int = 0) -> Path:
    """A checkpoint directory of a tiny float32 model with its tokenizer."""
    tiny_model(kind, torch.float32, seed).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def save_record(folder: Path) -> Path:
    """The record of a checkpoint directory, as `prepare_model` writes it."""
    content = {"source": {"kind": "directory", "name": "tiny"}, **sources.describe_checkpoint(folder)}
    write_json(folder / "provenance.json", content, make_provenance("prepare_model", {}, "", {}))
    return folder / "provenance.json"


@pytest.fixture(params=sorted(CONFIGS))
def kind(request: pytest.FixtureRequest) -> str:
    """Every supported kind of model in turn."""
    return request.param


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Record of a tiny Llama checkpoint."""
    return save_record(save_checkpoint(tmp_path / "tiny"))


def write_local_corpus(folder: Path, languages: list[str], documents: int = 40, seed: int = 0) -> Path:
    """Parallel documents of random words, another alphabet a language, prose and verse in turn; with another seed other texts."""
    folder.mkdir(parents=True)
    for language in languages:
        generator = torch.Generator().manual_seed(sum(map(ord, language)) + 1000 * seed)
        letters = [chr(97 + int(i)) for i in torch.randperm(26, generator=generator)[:12]]
        rows = []
        for document in range(documents):
            picks = torch.randint(0, 12, (50,), generator=generator)
            text = "".join(letters[int(pick)] + " " * (place % 5 == 4) for place, pick in enumerate(picks)).strip()
            rows.append({"doc_id": f"{document:03d}", "text": text, "register": ("prose", "verse")[document % 2]})
        (folder / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder

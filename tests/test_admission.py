"""Which models are refused before any job, and why: checkpoints as people really have them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, LlamaModel
from transformers.modeling_outputs import BaseModelOutputWithPast

from tests.conftest import CONFIGS, MIXTURES, SIZES, save_checkpoint, tiny_model, tiny_tokenizer
from tests.tiny_gguf import save_gguf
from workflow_scripts.models import verdicts
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.inspection import inspect_checkpoint
from workflow_scripts.models.stored import UnusableModel, stored_tensors
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.planning import admission
from workflow_scripts.planning.admission import Admission, admit, admit_gguf
from workflow_scripts.steps.collect_documents import Parameters, collect_documents
from workflow_scripts.steps.prepare_model import prepare_model
from workflow_scripts.steps.tokenize_documents import tokenize_documents

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path):
    return save_checkpoint(tmp_path / "tiny")


def look(folder: Path) -> Admission:
    """As a study looks at a model before any job."""
    inspect_checkpoint(folder)
    return admit(folder)


def configure(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(folder: Path, change) -> None:
    """Replace the tensors by what a function makes of them."""
    tensors = change(load_file(folder / WEIGHTS))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS, {"format": "pt"})


def without(word: str):
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if word not in name}


def shards(folder: Path, *parts: dict, index: dict | None = None) -> None:
    """The tensors in files of their own, with an index of where they are, or another."""
    (folder / WEIGHTS).unlink()
    names = [f"model-{number:05d}-of-{len(parts):05d}.safetensors" for number in range(1, len(parts) + 1)]
    for name, tensors in zip(names, parts, strict=True):
        save_file(tensors, folder / name, {"format": "pt"})
    found = {tensor: name for name, tensors in zip(names, parts, strict=True) for tensor in tensors}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": found | (index or {})}))


def halves(folder: Path) -> tuple[dict, dict]:
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    return tuple({name: tensors[name] for name in part} for part in (names[::2], names[1::2]))


@pytest.mark.parametrize("kind", sorted(CONFIGS | MIXTURES))
def test_supported_models_are_admitted(tmp_path, kind):
    folder = save_checkpoint(tmp_path / kind, kind)
    model = tiny_model(kind)
    found = look(folder)
    expected = {layer.in_features for layer in model.modules() if isinstance(layer, torch.nn.Linear)}
    assert set(found.widths) >= expected - {model.config.vocab_size}


def test_what_a_study_wants_to_know_is_told(tmp_path):
    config = LlamaConfig(**SIZES, head_dim=6)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert admit(tmp_path) == Admission([24, 32, 48], 64)


def quantise(tensors):
    name = "model.layers.0.mlp.up_proj"
    return without(name)(tensors) | {
        f"{name}.qweight": torch.zeros(4, 48, dtype=torch.int32),
        f"{name}.scales": torch.ones(1, 48),
    }


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: (f / WEIGHTS).rename(f / "weights.safetensors"), "holds weights.safetensors, and transformers loads model.saf"),
        (lambda f: [(f / WEIGHTS).rename(f / "a.safetensors"), save_file({}, f / "b.safetensors")], "holds a.safetensors, b.saf"),
        (lambda f: (f / WEIGHTS).rename(f / "model.fp16.safetensors"), "holds model.fp16.safetensors, and transformers loads"),
        (lambda f: (f / WEIGHTS).rename(f / "adapter_model.safetensors"), "is an adapter without its model"),
        (lambda f: rewrite(f, quantise), "is quantised, for it holds model.layers.0.mlp.up_proj.qweight"),
        (lambda f: rewrite(f, lambda t: {k: v.to(torch.float8_e4m3fn) if v.ndim > 1 else v for k, v in t.items()}), "in F8_E4M3"),
        (lambda f: rewrite(f, without("lm_head")), "has no output head: lm_head.weight is in none of its files"),
        (lambda f: rewrite(f, without("1.mlp.up_proj")), "lacks model.layers.1.mlp.up_proj.weight, which LlamaForCausalLM needs"),
        (lambda f: rewrite(f, lambda t: {f"module.{k}": v for k, v in t.items()}), "it has module.lm_head.weight, which Llama"),
        (lambda f: rewrite(f, lambda t: t | {"model.norm.weight": torch.ones(31)}), r"holds model.norm.weight as (31,), and its"),
        (lambda f: configure(f, num_hidden_layers=5), "has 5 blocks by its configuration (num_hidden_layers), and 3 in its files"),
        (lambda f: configure(f, vocab_size=97), "holds lm_head.weight as (96, 32), and its config.json wants (97, 32)"),
        (lambda f: configure(f, hidden_size=30), "cannot be built or run by the installed transformers"),
        (lambda f: configure(f, is_causal=False), "has is_causal: false in its config.json, so that it sees"),
        (lambda f: tiny_tokenizer(bos=False, eos=False).save_pretrained(f), "has a tokenizer with neither BOS nor EOS"),
        (lambda f: shards(f, *halves(f), index={"model.norm.weight": "model-00001-of-00002.safetensors"}), "but it is in model-00002"),
        (lambda f: shards(f, *halves(f), index={"more": "sub/model.safetensors"}), "in sub/model.safetensors, which is in another folder"),
        (lambda f: (f / "generation_config.json").write_text('{"max_new_tokens": -5}'), "cannot be built or run"),
        (lambda f: [(f / WEIGHTS).unlink(), (f / WEIGHTS).symlink_to(f / "gone")], "has a model.safetensors that is no file, or a link"),
        (lambda f: configure(f, model_type="bert-generation", architectures=["BertGenerationDecoder"]), "is an encoder"),
        (lambda f: shards(f, *halves(f), index={"more": "model-00001-of-00002.safetensors"}), "but no file holds it"),
        (lambda f: shards(f, halves(f)[0] | {"model.norm.weight": torch.zeros(32)}, halves(f)[1]), "holds model.norm.weight twice"),
    ],
)  # fmt: skip
def test_what_would_give_wrong_numbers_is_refused(folder, spoil, sentence):
    look(folder)
    spoil(folder)
    with pytest.raises(UnusableModel) as raised:
        look(folder)
    assert sentence in str(raised.value)


def test_a_checkpoint_of_the_base_model_has_no_head(folder):
    LlamaModel(LlamaConfig(**SIZES)).save_pretrained(folder)
    configure(folder, architectures=["LlamaModel"])
    with pytest.raises(UnusableModel, match=r"has no output head: lm_head\.weight .*is not tied"):
        look(folder)


def logits(folder: Path) -> torch.Tensor:
    """Of what transformers itself loads."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(torch.arange(1, 9)[None]).logits


def assert_one_truth(folder: Path, record: Path, stored: int) -> None:
    """A folder is admitted, and dense loading, streaming and digests all take what transformers does."""
    look(folder)
    prepare_model(record=record, checkpoint=sorted(folder.iterdir()))
    own = load_model(record.parent, torch.float32, "cpu")
    expected = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for name, parameter in own.named_parameters():
        assert torch.equal(parameter, expected.get_parameter(name)), name
    streamed = StreamedModel.of(record.parent, torch.float32)
    tokens = torch.tensor([5, 9])
    with streamed.embedding(tokens[None]) as base:
        assert torch.equal(base.get_input_embeddings().weight, expected.get_input_embeddings().weight[tokens])
    for index, block in streamed.stream("cpu"):
        for name, parameter in block.named_parameters():
            assert torch.equal(parameter, expected.get_parameter(f"model.layers.{index}.{name}")), name
    assert len(json.loads(record.read_text())["tensors"]) == stored


def save_beside(folder: Path, name: str) -> None:
    """Other weights of the same names in a further file."""
    other = tiny_model("llama", torch.float32, seed=7).state_dict()
    save_file({key: tensor.contiguous() for key, tensor in other.items()}, folder / name, {"format": "pt"})


def test_of_several_files_the_one_that_transformers_loads_is_the_model(folder, tmp_path):
    save_beside(folder, "model_ema.safetensors")
    save_beside(folder, "consolidated.safetensors")
    (folder / f"{WEIGHTS}.index.json").write_text('{"weight_map": {"a": "model_ema.safetensors"}}')
    assert_one_truth(folder, tmp_path / "out" / "provenance.json", stored=30)


def test_a_file_that_the_configuration_names_is_the_model(folder, tmp_path):
    save_beside(folder, "other.safetensors")
    configure(folder, transformers_weights="other.safetensors")
    assert_one_truth(folder, tmp_path / "out" / "provenance.json", stored=30)


def test_an_adapter_beside_a_model_is_no_part_of_it(folder, tmp_path):
    save_file(
        {"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": torch.ones(2, 32)},
        folder / "adapter_model.safetensors",
    )
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "x/y", "r": 2}')
    expected = logits(save_checkpoint(tmp_path / "alone"))
    look(folder)
    prepare_model(record=tmp_path / "out" / "provenance.json", checkpoint=sorted(folder.iterdir()))
    own = load_model(tmp_path / "out", torch.float32, "cpu")
    assert torch.allclose(own(torch.arange(1, 9)[None]).logits, expected, atol=1e-4)


def test_a_tensor_that_two_files_hold_alike_is_one(folder, tmp_path):
    first, second = halves(folder)
    shards(folder, first | {"model.norm.weight": second["model.norm.weight"]}, second)
    assert_one_truth(folder, tmp_path / "out" / "provenance.json", stored=30)


@pytest.mark.parametrize("stored", ["lm_head.weight", "model.embed_tokens.weight"])
def test_tied_weights_are_found_under_either_name(tmp_path, stored):
    folder = tmp_path / "tied"
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True)).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    rewrite(
        folder,
        lambda t: {stored if "embed" in name or "lm_head" in name else name: tensor for name, tensor in t.items()},
    )
    assert_one_truth(folder, tmp_path / "out" / "provenance.json", stored=29)


def test_fewer_blocks_in_the_configuration_than_stored_are_the_model(folder, tmp_path):
    configure(folder, num_hidden_layers=2)
    assert_one_truth(folder, tmp_path / "out" / "provenance.json", stored=30)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named_with_its_place(folder, tmp_path, number):
    def spoil(tensors):
        tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = number
        return tensors

    rewrite(folder, spoil)
    with pytest.raises(
        ValueError, match=rf"out holds model.layers.1.mlp.up_proj.weight with 1 number.*{number} at \[3, 5\]"
    ):
        prepare_model(record=tmp_path / "out" / "provenance.json", checkpoint=sorted(folder.iterdir()))


def test_no_load_fills_gaps(folder):
    rewrite(folder, without("1.mlp.up_proj"))
    with pytest.raises(ValueError, match="tiny lacks model.layers.1.mlp.up_proj.weight"):
        load_model(folder, torch.float32, "cpu")


def test_headers_alone_are_read(folder):
    """Weights of a hundred gigabytes that are not there: the file is a hole."""
    configure(folder, vocab_size=2**24, num_hidden_layers=3)
    tensors = stored_tensors(folder)
    header, end = {}, 0
    for name, tensor in tensors.items():
        shape = [2**24, *tensor.shape[1:]] if tensor.shape[0] == 96 else list(tensor.shape)
        size = 4 * torch.Size(shape).numel()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(folder / WEIGHTS, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    assert look(folder).widths == [32, 48]


def gguf_of(tmp_path, *taken: int) -> Path:
    """A tiny GGUF file, the last bytes taken away."""
    path = save_gguf(tmp_path / "tiny.gguf")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - sum(taken)])
    return path


def test_a_gguf_file_is_admitted_whole_and_not_cut_short(tmp_path):
    assert admit_gguf(gguf_of(tmp_path)) == Admission([32, 48], 64)
    for taken in (4, 1000, 60_000):
        with pytest.raises(UnusableModel, match="is cut short or damaged"):
            admit_gguf(gguf_of(tmp_path, taken))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architecture": "clip"}, "GGUF model with architecture clip is not supported"),
        ({"blocks": 3}, "has 3 blocks by its configuration (num_hidden_layers), and 2 in its files"),
        ({"without": "blk.1.ffn_up"}, "lacks model.layers.1.mlp.up_proj.weight"),
        ({"split": 2}, "is one of 2 parts of a model; join them"),
        ({"ends": False}, "is a model whose tokenizer has neither BOS nor EOS"),
        ({"scaled": True}, "scales its rotary embeddings (llama.rope.scaling.type)"),
        ({"more": "rope_freqs"}, "scales its rotary embeddings (rope_freqs.weight)"),
        ({"more": "blk.0.attn_q_more"}, "holds blk.0.attn_q_more.weight, which transformers does not read from GGUF"),
    ],
)
def test_a_gguf_file_that_is_no_whole_language_model_is_refused(tmp_path, change, sentence):
    path = save_gguf(tmp_path / "tiny.gguf", **change)
    with pytest.raises(UnusableModel) as raised:
        admit_gguf(path)
    assert sentence in str(raised.value)


def test_a_verdict_is_asked_for_once_and_without_torch(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code = (
        "import sys; from pathlib import Path; from workflow_scripts.models.verdicts import admitted; "
        f"print(admitted(Path({str(folder)!r}))); assert 'torch' not in sys.modules"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert asked.stdout.strip() == "{'widths': [32, 48], 'positions': 64, 'unused': []}", asked.stderr
    monkeypatch.setattr(verdicts, "_ask", lambda *_: pytest.fail("asked again"))
    assert verdicts.admitted(folder) == {"widths": [32, 48], "positions": 64, "unused": []}


def test_a_refusal_is_remembered_until_the_model_is_mended(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    configure(folder, num_hidden_layers=4)
    for _ in range(2):
        with pytest.raises(UnusableModel, match="has 4 blocks"):
            verdicts.admitted(folder)
    configure(folder, num_hidden_layers=3)
    assert verdicts.admitted(folder)["positions"] == 64


def add_token(folder: Path, embedding: bool) -> None:
    """A further token in the tokenizer, with a row of the embedding or without."""
    tokenizer = tiny_tokenizer()
    more = [f"<{number}>" for number in range(96 - len(tokenizer))]
    tokenizer.add_tokens([*more, "Z"])
    tokenizer.save_pretrained(folder)
    if embedding:
        model = tiny_model("llama", torch.float32)
        model.resize_token_embeddings(97)
        model.save_pretrained(folder)


@pytest.mark.parametrize("embedding", [False, True])
def test_a_token_past_the_embedding_is_named_where_it_occurs(folder, tmp_path, embedding):
    add_token(folder, embedding)
    (tmp_path / "letters").mkdir()
    rows = [{"doc_id": f"{n}", "text": "abc Z" if n == 7 else "abcd"} for n in range(20)]
    (tmp_path / "letters/aa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    record, documents = tmp_path / "out/provenance.json", tmp_path / "aa.parquet"
    look(folder)
    prepare_model(record=record, checkpoint=sorted(folder.iterdir()))
    collect_documents(output=documents, parameters=Parameters("local", "aa"), path=str(tmp_path / "letters"))
    if embedding:
        tokenize_documents(model=record, documents=documents, output=tmp_path / "tokens.parquet")
        return
    said = (
        r"Document '7' of aa holds the token 'Z', number 96, but the model's embedding has 96 rows, .* knows 97 tokens"
    )
    with pytest.raises(ValueError, match=said):
        tokenize_documents(model=record, documents=documents, output=tmp_path / "tokens.parquet")


def test_a_boundary_token_past_the_embedding_is_refused(folder):
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([f"<{number}>" for number in range(96 - len(tokenizer))])
    tokenizer.add_special_tokens({"eos_token": "<end>"})
    tokenizer.save_pretrained(folder)
    with pytest.raises(UnusableModel, match="whose EOS has the number 96, past the 96 rows of its embedding"):
        look(folder)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("model.layers.0.attention.bias", torch.ones(1, 1, 64, 64, dtype=torch.uint8)),
        ("model.layers.0.attention.masked_bias", torch.tensor(float("-inf"))),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", torch.ones(4)),
        ("model.layers.0.mlp.up_proj.scales", torch.ones(48)),
        ("model.position_ids", torch.ones(1, 64, dtype=torch.int32)),
    ],
)
def test_what_a_model_does_not_take_is_no_reason_to_refuse_it(folder, tmp_path, name, tensor):
    rewrite(folder, lambda tensors: tensors | {name: tensor})
    assert look(folder).unused == [name]
    assert_one_truth(folder, tmp_path / "out" / "provenance.json", stored=31)


def test_a_folder_called_as_a_tokenizer_is_no_file_of_a_model(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder / "tokenizer").mkdir()
    assert verdicts.admitted(folder)["positions"] == 64


def test_weights_that_end_in_zeros_are_refused(folder, tmp_path):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    with pytest.raises(ValueError, match=r"out holds .* with nothing but zeros, and others, as after a download"):
        prepare_model(record=tmp_path / "out" / "provenance.json", checkpoint=sorted(folder.iterdir()))


class Reordered(LlamaModel):
    """Blocks that are not one after the other: twice through all, from the middle, with something between, or one left out."""

    way = "twice"

    def forward(self, input_ids=None, **kwargs):
        kwargs.pop("use_cache", None)
        hidden = self.embed_tokens(input_ids)
        positions = torch.arange(input_ids.shape[1], device=hidden.device)[None]
        rotary = self.rotary_emb(hidden, positions)
        ways = {"twice": [0, 1, 2, 0, 1, 2], "middle": [1, 0, 2], "left out": [0, 1], "between": [0, 1, 2]}
        for index in ways[self.way]:
            hidden = self.layers[index](hidden, position_embeddings=rotary, position_ids=positions)
            hidden = hidden + 0.5 if self.way == "between" else hidden
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden))


@pytest.mark.parametrize("way", ["twice", "middle", "left out", "between"])
def test_blocks_that_are_not_one_after_the_other_are_refused(folder, monkeypatch, way):
    monkeypatch.setattr(LlamaModel, "forward", Reordered.forward)
    monkeypatch.setattr(LlamaModel, "way", way, raising=False)
    with pytest.raises(UnusableModel, match="cannot be pruned: .*(once and in order|of its 3 blocks)"):
        admit(folder)


def test_a_refusal_for_want_of_something_here_is_asked_for_again(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def want(*_):
        raise ImportError("No module named 'nonsuch'")

    with monkeypatch.context() as patch:
        patch.setattr(admission, "configuration", want)
        with pytest.raises(
            UnusableModel, match="cannot be looked at on this machine .ImportError: No module named 'nonsuch'"
        ):
            verdicts.admitted(folder)
    assert verdicts.admitted(folder)["positions"] == 64


@pytest.mark.parametrize("content", ["null", "3", '"refused"', "{}", "[]", "[" * 100_000, "\0"])
def test_a_damaged_memory_is_no_answer(folder, tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    verdicts.admitted(folder)
    [memory] = (tmp_path / "cache/polyprune/models").iterdir()
    memory.write_text(content)
    assert verdicts.admitted(folder)["positions"] == 64


def test_a_gguf_file_is_known_by_all_that_stands_before_its_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(verdicts, "END", 16)
    path = save_gguf(tmp_path / "tiny.gguf")
    assert verdicts.admitted(path)["positions"] == 64
    path.write_bytes(path.read_bytes().replace(b"blk.1.ffn_up", b"blk.1.ffn_xx"))
    with pytest.raises(UnusableModel, match="lacks model.layers.1.mlp.up_proj.weight"):
        verdicts.admitted(path)


def test_without_torch_nothing_is_asked_before_the_jobs(folder, monkeypatch):
    monkeypatch.setattr(verdicts, "find_spec", lambda name: None if name == "torch" else name)
    configure(folder, num_hidden_layers=9)
    assert verdicts.admitted(folder) == {"widths": [], "positions": None, "unused": []}

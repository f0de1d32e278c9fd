"""A text's scores depend on the model and the text alone: not on its batch, its padding, or what went before it."""

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

from tests.conftest import SIZES, tiny_model
from tests.evaluation.test_perplexity import documents, naive, score
from workflow_scripts.evaluation.batching import texts_go_together
from workflow_scripts.evaluation.cloze import score_items
from workflow_scripts.evaluation.cloze_items import EncodedItem
from workflow_scripts.evaluation.generation import write_greedily
from workflow_scripts.models.checkpoint import load_model

ORIGINAL = 16
"""Tokens beyond which the models here stretch their rotary embeddings."""
OF_LLAMA = SIZES | {"max_position_embeddings": ORIGINAL}


def dynamic() -> LlamaForCausalLM:
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    return LlamaForCausalLM(LlamaConfig(**OF_LLAMA, rope_parameters=rope))


def long() -> Phi3ForCausalLM:
    factors = {"short_factor": [1.0, 1.1, 1.3, 1.5], "long_factor": [2.0, 4.0, 8.0, 16.0]}
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": ORIGINAL, **factors}
    return Phi3ForCausalLM(Phi3Config(**SIZES, rope_parameters=rope, original_max_position_embeddings=ORIGINAL))


class Neighbours(LlamaForCausalLM):
    """A text changes with the length of the longest beside it, for no reason that its configuration tells."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        self.model.register_forward_hook(self._changed)

    def _changed(self, _, __, output):
        output.last_hidden_state = (
            output.last_hidden_state
            * (1 + torch.linspace(0, 1, SIZES["hidden_size"])) ** output.last_hidden_state.shape[1]
        )
        return output


BY_LENGTH = {"dynamic": dynamic, "long": long}


@pytest.fixture
def loaded(request, tmp_path):
    """A model as steps load it, and as transformers does, anew whenever it is called."""
    torch.manual_seed(0)
    model = BY_LENGTH[request.param]().eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.mul_(5)
    model.save_pretrained(tmp_path)
    return load_model(tmp_path, torch.float64, "cpu"), lambda: type(model).from_pretrained(
        tmp_path, dtype=torch.float64
    )


@pytest.mark.parametrize("loaded", ["dynamic", "long"], indirect=True)
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_scores_of_documents_are_those_that_they_have_alone(loaded, batch):
    own, fresh = loaded
    # Beyond what the model knows, within it, and beyond again: each kind after each other.
    texts = documents(40, 5, 23, 31, 12, 15, 17, 1)
    assert not texts_go_together(own, 41)
    for _ in range(2):
        found = score(own, texts, 64, batch if texts_go_together(own, 41) else 1)["nats"].to_pylist()
        assert found == pytest.approx([naive(fresh(), [1, *text.token_ids]) for text in texts], rel=1e-5)


@pytest.mark.parametrize("loaded", ["dynamic", "long"], indirect=True)
def test_statements_of_cloze_items_are_scored_as_alone(loaded):
    own, fresh = loaded
    statements = ((1, *range(5, 17), 30), (1, *range(5, 17), 31, 32, 33, 34, 35), (1, *range(5, 17), 40, 41))
    item = EncodedItem("a", "h", "c", 0, statements, 13)
    [row] = score_items(own, [item], 0).to_pylist()
    for statement, found in zip(statements, row["loglikelihoods"], strict=True):
        logits = fresh()(torch.tensor([statement])).logits[0].double().log_softmax(-1)
        expected = sum(logits[place - 1, statement[place]].item() for place in range(13, len(statement)))
        assert found == pytest.approx(expected, rel=1e-5)


def test_texts_go_together_where_nothing_depends_on_that(kind):
    assert texts_go_together(tiny_model(kind), 40)


@pytest.mark.parametrize("loaded", ["dynamic", "long"], indirect=True)
def test_within_what_a_model_knows_texts_go_together(loaded):
    own, _ = loaded
    assert texts_go_together(own, ORIGINAL)


def test_a_model_that_looks_at_the_batch_is_found_out(caplog):
    torch.manual_seed(0)
    assert not texts_go_together(Neighbours(LlamaConfig(**SIZES)).eval(), 40)
    assert "Neighbours one by one, for beside a longer text" in caplog.text


class Forgetful(LlamaForCausalLM):
    """Keys and values are kept, and not looked at."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        self.model.register_forward_pre_hook(self._forget, with_kwargs=True)

    def _forget(self, _, args, kwargs):
        return args, kwargs | {"past_key_values": DynamicCache() if kwargs.get("use_cache") else None}


def test_a_model_that_goes_on_wrongly_from_what_is_kept_reads_whole_texts(caplog):
    torch.manual_seed(0)
    model = Forgetful(LlamaConfig(**SIZES)).eval()
    assert not texts_go_together(model, 40)
    assert "going on from kept keys and values" in caplog.text
    prompts = [[1, 5, 9, 12, 30], [1, 7], [1, 8, 8]]
    whole = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
    whole.load_state_dict(model.state_dict())
    for prompt, text in zip(prompts, write_greedily(model, prompts, 6, (), 0), strict=True):
        ids = list(prompt)
        for token in text:
            assert whole(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax().item() == token
            ids.append(token)

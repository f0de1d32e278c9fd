"""Step: keep what the blocks of several variants make of parallel sentences in one language, with one model load."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workflow_scripts.artifacts.files import write_tensors
from workflow_scripts.corpora.document import CorpusError
from workflow_scripts.evaluation.pending import pending_variants
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """Which sentences, and how they go through the model."""

    documents: int
    """evaluation documents, from the first on"""
    batch: int = 16
    """sentences at a time"""
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def collect_representations(
    *,
    model: Path,
    documents: Path,
    output: list[Path],
    parameters: Parameters,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    code: str = "",
) -> None:
    """Write the vector of every sentence at every block, and its error against the dense model, a file a variant.

    An output that is there already and still holds, by its provenance, is left as it is.

    Args:
        model: record of the dense model.
        documents: documents of the language, with their sentences.
        output: safetensors files to write, the dense model's first if there is one more than mask stores.
        parameters: which sentences, and how they go through the model.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
        code: digest of this step's code.

    Raises:
        CorpusError: there are fewer documents, or one whose sentences are not known, or a sentence without tokens.
    """
    inputs = {"model": model, "documents": documents}
    pending = pending_variants("collect_representations", parameters, code, inputs, output, masks, weights)
    if not pending:
        return
    # A job without anything to do is spared the seconds that these take.
    from workflow_scripts.corpora.tokens import read_boundary
    from workflow_scripts.evaluation.representations import Observer
    from workflow_scripts.evaluation.sentences import read_sentences
    from workflow_scripts.evaluation.series import evaluate_series
    from workflow_scripts.models.tokenizer import embedding_rows, load_tokenizer, refuse_past_embedding

    tokenizer, start = load_tokenizer(model.parent), read_boundary(model).start
    sentences = read_sentences(documents, parameters.documents)
    texts = [sentence.text for sentence in sentences]
    encoded = tokenizer(texts, add_special_tokens=False, verbose=False).input_ids
    if empty := [sentence for sentence, ids in zip(sentences, encoded, strict=True) if not ids]:
        raise CorpusError(
            f"Sentence {empty[0].number + 1} of {empty[0].doc_id!r} in {documents} has no tokens: take it out, in all languages."
        )
    known = embedding_rows(model.parent)
    for sentence, ids in zip(sentences, encoded, strict=True):
        refuse_past_embedding(ids, known, tokenizer, f"Sentence {sentence.number + 1} of {sentence.doc_id!r}")
    sequences = [[start, *ids] for ids in encoded]
    observer = cache(lambda together: Observer(sequences, parameters.batch if together else 1))
    evaluate_series(
        pending,
        model,
        parameters,
        max(map(len, sequences)),
        lambda network, together: observer(together).observe(network),
        prepare=lambda network, together: observer(together).remember_dense(network),
        write=lambda path, found, provenance: write_tensors(path, found.tensors(), provenance),
    )


if __name__ == "__main__":
    run_step(collect_representations, imports_more=True)

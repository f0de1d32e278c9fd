"""Step: score the cloze items of one language for several variants of a model, with one model load."""

from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.artifacts.files import read_provenance, refuse_foreign_model
from workflow_scripts.evaluation.pending import pending_variants
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """How cloze items are scored."""

    items: int
    """items, from the first on"""
    tokens: int = 2048
    """tokens that go through the model at a time"""
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def score_cloze(
    *,
    model: Path,
    cloze: Path,
    output: list[Path],
    parameters: Parameters,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    code: str = "",
) -> None:
    """Write log-likelihoods, margin and answer per item, a Parquet file a variant.

    An output that is there already and still holds, by its provenance, is left as it is.

    Args:
        model: record of the dense model.
        cloze: tokenized items of the language.
        output: files to write, the dense model's first if there is one more than mask stores.
        parameters: how to score.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
        code: digest of this step's code.
    """
    refuse_foreign_model(read_provenance(cloze), model, cloze)
    inputs = {"model": model, "cloze": cloze}
    pending = pending_variants("score_cloze", parameters, code, inputs, output, masks, weights)
    if not pending:
        return
    # A job without anything to do is spared the seconds that these take.
    from workflow_scripts.evaluation.cloze import score_items
    from workflow_scripts.evaluation.cloze_items import read_encoded
    from workflow_scripts.evaluation.series import evaluate_series

    items = read_encoded(cloze, parameters.items)
    longest = max(len(statement) for item in items for statement in item.statements)
    evaluate_series(
        pending,
        model,
        parameters,
        longest,
        lambda network, together: score_items(network, items, parameters.tokens if together else 0),
    )


if __name__ == "__main__":
    run_step(score_cloze, imports_more=True)

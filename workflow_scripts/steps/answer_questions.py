"""Step: ask several variants of a model the open questions of one language, with one model load."""

from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.evaluation.pending import pending_variants
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """How questions are asked."""

    language: str
    tokens: int
    """tokens of an answer at most"""
    prompt: str | None = None
    """how a question is put, with {question} where it goes; none for the language's own"""
    batch: int = 8
    """questions that are answered at a time"""
    scored_tokens: int = 2048
    """tokens that go through the model at a time where gold answers are scored"""
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def answer_questions(
    *,
    model: Path,
    questions: Path,
    output: list[Path],
    parameters: Parameters,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    code: str = "",
) -> None:
    """Write answer, exact match, F1 and the likeliest gold answer per question, a Parquet file a variant.

    An output that is there already and still holds, by its provenance, is left as it is.

    Args:
        model: record of the dense model.
        questions: the collected questions of the language.
        output: files to write, the dense model's first if there is one more than mask stores.
        parameters: how to ask.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
        code: digest of this step's code.
    """
    inputs = {"model": model, "questions": questions}
    pending = pending_variants("answer_questions", parameters, code, inputs, output, masks, weights)
    if not pending:
        return
    # A job without anything to do is spared the seconds that these take.
    from workflow_scripts.corpora.tokens import read_boundary
    from workflow_scripts.evaluation.answering import answer_all, ask, longest_text, prompt_of
    from workflow_scripts.evaluation.questions import read_collected
    from workflow_scripts.evaluation.series import evaluate_series
    from workflow_scripts.models.tokenizer import embedding_rows, load_tokenizer, refuse_past_embedding

    p, tokenizer, start = parameters, load_tokenizer(model.parent), read_boundary(model).start
    prompt = prompt_of(p.language, p.prompt)
    asked = [ask(question, prompt, p.language, tokenizer, start) for question in read_collected(questions)]
    known = embedding_rows(model.parent)
    for each in asked:
        for ids in (each.prompt, *(gold.token_ids for gold in each.golds.values())):
            refuse_past_embedding(
                ids, known, tokenizer, f"Question {each.question.item_id} with its prompt and answers"
            )
    evaluate_series(
        pending,
        model,
        parameters,
        longest_text(asked, p.tokens),
        lambda network, together: answer_all(
            network, asked, tokenizer, p.language, p.tokens, *((p.batch, p.scored_tokens) if together else (0, 1))
        ),
    )


if __name__ == "__main__":
    run_step(answer_questions, imports_more=True)

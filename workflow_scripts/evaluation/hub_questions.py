"""Open questions from a data set of the Hugging Face Hub in MKQA's form, streamed."""

from collections.abc import Iterator
from typing import Any

from workflow_scripts.evaluation.questions import QuestionsError, check_row


def rows_of_hub(name: str, revision: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of the train split, each with its place in words; classes by their names, not by numbers.

    Raises:
        QuestionsError: no network, no access, no such data set, or rows of another form.
    """
    from datasets import Features, load_dataset

    try:
        rows = load_dataset(name, split="train", streaming=True, revision=revision)
        features = rows.features or Features()
        for number, row in enumerate(rows):
            check_row(row, place := f"Data set {name}, row {number}")
            yield place, row | {"answers": _named(row["answers"], features.get("answers", {}))}
    except QuestionsError:
        raise
    # `datasets` lets through errors of its file readers and of several network libraries: there is no common class.
    except Exception as error:
        cause = (str(error) or type(error).__name__).strip().partition("\n")[0].rstrip(".")
        raise QuestionsError(
            f"Data set {name!r}, revision {revision!r}, cannot be read ({cause}): check name, revision and the network, or "
            "give a file as path."
        ) from error


def _named(answers: dict[str, Any], features: Any) -> dict[str, Any]:
    """The answers with the names of their types, which the hub's copy of MKQA stores as numbers of a ClassLabel."""
    from datasets import ClassLabel

    made = {}
    for language, given in answers.items():
        feature = features.get(language)
        kinds = getattr(feature, "feature", feature[0] if isinstance(feature, list) else None)
        kind = kinds["type"] if isinstance(kinds, dict) else None
        made[language] = [
            answer | ({"type": kind.int2str(answer["type"])} if isinstance(kind, ClassLabel) else {})
            for answer in given or []
        ]
    return made

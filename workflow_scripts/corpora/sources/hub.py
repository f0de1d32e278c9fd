"""Documents from a data set of the Hugging Face Hub, streamed: only the first rows of a large data set are fetched."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from workflow_scripts.corpora.document import CorpusError, Document
from workflow_scripts.corpora.languages import canonical
from workflow_scripts.corpora.splitting import arrange, check_share


@dataclass(frozen=True)
class Options:
    """Settings of a corpus from the Hub.

    Attributes:
        name: data set on the Hub ("owner/name"), or a local folder laid out like its repository.
        configurations: language -> configuration of the data set; a language that is not named is its own.
        split: split of the data set to read, mostly "train".
        text: column that holds the text.
        revision: commit, tag or branch; a commit keeps the corpus from changing.
        documents: how many documents to take from the start of the split.
        evaluation_share: share of documents kept for evaluation, 0 to 1.
        minimum_characters: shorter documents are passed over.
    """

    name: str
    configurations: dict[str, str] = field(default_factory=dict)
    split: str = "train"
    text: str = "text"
    revision: str | None = None
    documents: int = 1000
    evaluation_share: float = 0.5
    minimum_characters: int = 200

    def __post_init__(self) -> None:
        check_share(self.evaluation_share)
        if self.documents < 1:
            raise CorpusError(f"documents is {self.documents}: take at least 1.")


def input_files(language: str, options: Options) -> list[Path]:
    """None: a data set on the Hub is named by its revision, not by files."""
    return []


def read(language: str, options: Options) -> Iterator[Document]:
    """The first documents of a language that are long enough, split and ordered by hash.

    The doc_id is the number of the row in the split, from 0, so that row-parallel data sets stay aligned.

    Raises:
        CorpusError: no network, no access, no such data set, configuration, split or text column, or no document.
    """
    configuration = options.configurations.get(language, language)
    try:
        documents = list(islice(_documents(_rows(configuration, options), options), options.documents))
    except CorpusError:
        raise
    # `datasets` lets through errors of its file readers and of several network libraries: there is no common class.
    except Exception as error:
        cause = (str(error) or type(error).__name__).strip().partition("\n")[0].rstrip(".")
        raise CorpusError(
            f"Data set {options.name!r}, configuration {configuration!r}, split {options.split!r} cannot be read "
            f"({cause}): {_remedy(error, language)}."
        ) from error
    if not documents:
        raise CorpusError(
            f"Data set {options.name!r}, configuration {configuration!r}, split {options.split!r} has no document of "
            f"{options.minimum_characters} characters: lower `minimum_characters` or take another split."
        )
    yield from arrange(documents, language, options.evaluation_share)


def _rows(configuration: str, options: Options) -> Iterator[dict[str, Any]]:
    from datasets import load_dataset

    told = {"split": options.split, "streaming": True, "revision": options.revision}
    try:
        rows = load_dataset(options.name, configuration, **told)
    except ValueError as error:
        if not str(error).startswith("BuilderConfig") or (spelled := _spelled(configuration, options)) is None:
            raise
        rows = load_dataset(options.name, spelled, **told)
    yield from rows


def _spelled(language: str, options: Options) -> str | None:
    """The one configuration that is called as a language in another spelling (`deu_Latn`); None where there is no one such."""
    from datasets import get_dataset_config_names

    there = get_dataset_config_names(options.name, revision=options.revision)
    same = [name for name in there if canonical(name) == language]
    return same[0] if len(same) == 1 else None


def _documents(rows: Iterator[dict[str, Any]], options: Options) -> Iterator[Document]:
    for number, row in enumerate(rows):
        if options.text not in row:
            raise CorpusError(
                f"Data set {options.name!r} has no text column {options.text!r}, only {', '.join(sorted(row))}: "
                "set `text` of the corpus."
            )
        text = row[options.text]
        if text is None:
            continue
        if not isinstance(text, str):
            raise CorpusError(
                f"Column {options.text!r} of data set {options.name!r} holds {type(text).__name__}, not strings: "
                "set `text` of the corpus to another column."
            )
        if len(text) >= options.minimum_characters:
            yield Document(doc_id=str(number), text=text)


def _remedy(error: Exception, language: str) -> str:
    from datasets.exceptions import DatasetNotFoundError

    message = str(error)
    if "gated" in message:
        return "accept its terms on its page and log in with `hf auth login`"
    if isinstance(error, DatasetNotFoundError):
        return "mend `name` or `revision` of the corpus, or log in with `hf auth login` if it is private"
    if isinstance(error, (ConnectionError, TimeoutError)):
        return "check the network and HF_HUB_OFFLINE, or take a local copy"
    if message.startswith("BuilderConfig"):
        return f"name the configuration of {language!r} under `configurations` of the corpus"
    if message.startswith("Bad split") or "Unknown split" in message:
        return "mend `split` of the corpus"
    return "check `name`, `revision` and the network, or take a local copy"

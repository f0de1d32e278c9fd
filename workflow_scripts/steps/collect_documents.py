"""Step: collect the documents of one language of a corpus."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from tqdm import tqdm

from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.corpora.document import documents_table
from workflow_scripts.corpora.sources import get_source
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """A source of documents and its options."""

    kind: str
    """embedded, local or hub"""
    language: str
    options: dict[str, Any] = field(default_factory=dict)
    """the source's own options, see `corpora.sources`"""


def collect_documents(*, output: Path, parameters: Parameters, path: str | None = None, code: str = "") -> None:
    """Write the documents of a language, each in its split, as Parquet.

    Args:
        output: the documents.
        parameters: source and language.
        path: folder of a local corpus.
        code: digest of this step's code.
    """
    source = get_source(parameters.kind)
    place = {} if path is None else {"path": path}
    options = TypeAdapter(source.Options).validate_python({**parameters.options, **place})
    documents = source.read(parameters.language, options)
    table = documents_table(tqdm(documents, desc=parameters.language, unit="document", disable=None))
    # As the source has understood them, and without the path, which is no part of what the texts are.
    told = {key: value for key, value in asdict(options).items() if key in parameters.options}
    inputs = {"sources": source.input_files(parameters.language, options)}
    write_table(
        output, table, make_provenance("collect_documents", asdict(parameters) | {"options": told}, code, inputs)
    )


if __name__ == "__main__":
    run_step(collect_documents)

"""Step: draw the windows of one calibration and seed."""

from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from workflow_scripts.artifacts.files import make_provenance, read_provenance, refuse_foreign_model, write_table
from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument, read_boundary, read_tokens
from workflow_scripts.corpora.windows import draw_content, draw_windows
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """A draw of calibration windows."""

    corpus: str
    mixture: dict[str, float]
    """language, or control such as sw~shuffled -> share"""
    length: int
    seed: int
    """which disjoint share of the documents, from 0"""
    windows: int | None = None
    """windows of all languages: calibrations match on tokens"""
    documents: int | None = None
    """or documents of all languages: calibrations match on content, on a parallel corpus"""
    sampling: str = "packed"
    """packed or long"""


def sample_calibration(
    *, model: Path, tokens: list[Path], output: Path, parameters: Parameters, code: str = ""
) -> None:
    """Write calibration windows as Parquet.

    Args:
        model: record of the dense model.
        tokens: tokenized documents, a file a language or control, `{language}.parquet`.
        output: the windows.
        parameters: what to draw.
        code: digest of this step's code.
    """
    for path in tokens:
        refuse_foreign_model(read_provenance(path), model, path)
    documents = {path.stem: read_tokens(path, "calibration") for path in tokens}
    table = _draw(documents, read_boundary(model), parameters)
    inputs = {"model": model, "tokens": sorted(tokens, key=lambda path: path.stem)}
    write_table(output, table, make_provenance("sample_calibration", asdict(parameters), code, inputs))


def _draw(documents: dict[str, list[TokenizedDocument]], boundary: Boundary, p: Parameters) -> pa.Table:
    if (p.windows is None) == (p.documents is None):
        raise ValueError("Give either windows (matched on tokens) or documents (matched on content).")
    if p.windows is None:
        return draw_content(documents, boundary, p.mixture, p.documents, p.length, p.seed, p.corpus)
    return draw_windows(documents, boundary, p.mixture, p.windows, p.length, p.sampling, p.seed, p.corpus)


if __name__ == "__main__":
    run_step(sample_calibration)

"""Step: draw the windows of one calibration and seed."""

from dataclasses import asdict, dataclass
from pathlib import Path

from workflow_scripts.artifacts import ArtifactError, digest_of_file, make_provenance, read_provenance, write_table
from workflow_scripts.cli import run_step
from workflow_scripts.corpora.tokens import read_boundary, read_tokens
from workflow_scripts.corpora.windows import draw_windows


@dataclass(frozen=True)
class Parameters:
    """A draw of calibration windows."""

    corpus: str
    mixture: dict[str, float]
    """language -> share"""
    windows: int
    length: int
    sampling: str
    """packed or long"""
    seed: int
    """which disjoint share of the documents, from 0"""


def sample_calibration(
    *, model: Path, tokens: list[Path], output: Path, parameters: Parameters, code: str = ""
) -> None:
    """Write calibration windows as Parquet.

    Args:
        model: record of the dense model.
        tokens: tokenized documents, a file a language, `{language}.parquet`.
        output: the windows.
        parameters: what to draw.
        code: digest of this step's code.
    """
    for path in tokens:
        if read_provenance(path)["inputs"]["model"] != digest_of_file(model):
            raise ArtifactError(
                f"{path} was tokenized for another model than {model.parent.name}: delete it, run again."
            )
    documents = {path.stem: read_tokens(path, "calibration") for path in tokens}
    table = draw_windows(documents, read_boundary(model), **asdict(parameters))
    inputs = {"model": model, "tokens": sorted(tokens, key=lambda path: path.stem)}
    write_table(output, table, make_provenance("sample_calibration", asdict(parameters), code, inputs))


if __name__ == "__main__":
    run_step(sample_calibration)

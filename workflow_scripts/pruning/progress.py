"""What a pruning job has done so far, on disk: a killed job goes on at its block, and ends with the same bytes.

A folder outside the job's outputs, which Snakemake deletes when a job fails. It holds a file for each pruned block, and the
hidden states before the next one. Nothing of it outlives a job that succeeds.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from hashlib import sha256
from logging import getLogger
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from workflow_scripts.artifacts.files import (
    ArtifactError,
    canonical_json,
    read_provenance,
    refuse_damaged,
    write_tensors,
)
from workflow_scripts.masks.packing import pack, unpack
from workflow_scripts.pruning.results import Diagnostics, LinearResult

logger = getLogger(__name__)

SHARE = 0.02
"""Of the time, what saving hidden states may take; where they are large and blocks are quick, some blocks are left out."""
CHEAP = 0.01
"""Seconds of saving that nobody minds."""


class Progress:
    """The finished blocks of one pruning job.

    Attributes:
        folder: where they are; files of the job that need not outlive it may stand there too.
        next_block: the first block that is still to be pruned.
    """

    def __init__(self, root: Path, provenance: Mapping[str, Any], blocks: int, sequential: bool) -> None:
        """Open the job's folder, emptied where what is there is damaged.

        Args:
            root: where the folders of all jobs are; each has the digest of its provenance for a name.
            provenance: of the job; another code, input or parameter makes another job.
            blocks: how many blocks the model has.
            sequential: whether a block cannot be pruned without the hidden states before it.
        """
        self.folder = Path(root) / sha256(canonical_json(provenance).encode()).hexdigest()[:16]
        self._provenance, self._blocks, self._sequential = provenance, blocks, sequential
        self.next_block = self._pruned()
        if self.next_block:
            logger.info("going on at block %d of %d, where an earlier run ended", self.next_block + 1, blocks)
        else:
            self.remove()
            self.folder.mkdir(parents=True)
        self._saved, self._cost = time.monotonic(), 0.0

    def _pruned(self) -> int:
        """Number of the blocks that need not be pruned again."""
        pruned = 0
        while pruned < self._blocks and self._is_ours(self._block_file(pruned)):
            pruned += 1
        if pruned == self._blocks or not self._sequential:
            return pruned
        return next((block for block in range(pruned, 0, -1) if self._is_ours(self._states_file(block))), 0)

    def _is_ours(self, file: Path) -> bool:
        if not file.is_file():
            return False
        try:
            refuse_damaged(file)
            return read_provenance(file) == self._provenance
        except ArtifactError:
            return False

    def hidden_states(self) -> dict[str, torch.Tensor]:
        """The tensors given to `finish` before `next_block`, read by memory map."""
        return load_file(self._states_file(self.next_block))

    def finish(self, block: int, results: list[LinearResult], states: Mapping[str, torch.Tensor]) -> None:
        """Keep the outcome of a block, and the hidden states after it, of which the earlier ones go.

        The states are left out where saving them would take more than SHARE of the time: a killed job then repeats some
        blocks. Nothing but the time lost depends on it.
        """
        tensors = {}
        for number, result in enumerate(results):
            key = f"{number:05}|{result.module}"
            tensors[f"{key}|mask"] = torch.from_numpy(pack(result.mask.numpy()))
            tensors[f"{key}|inputs"] = torch.tensor(result.mask.shape[1])
            *numbers, criterion = astuple(result.diagnostics)
            tensors[f"{key}|diagnostics"] = torch.tensor(numbers, dtype=torch.float64)
            tensors[f"{key}|criterion"] = torch.tensor(list(criterion.encode()), dtype=torch.uint8)
            if result.kept is not None:
                tensors[f"{key}|kept"] = result.kept
            if result.input_norms is not None:
                tensors[f"{key}|norms"] = result.input_norms
        write_tensors(self._block_file(block), tensors, self._provenance)
        now = time.monotonic()
        due = self._cost < CHEAP or now - self._saved >= self._cost / SHARE
        if states and block + 1 < self._blocks and due:
            write_tensors(self._states_file(block + 1), states, self._provenance)
            for earlier in range(block + 1):
                self._states_file(earlier).unlink(missing_ok=True)
            self._saved = time.monotonic()
            self._cost = self._saved - now

    def results(self) -> Iterator[LinearResult]:
        """The linears of all blocks in order, one in memory at a time."""
        for block, key, stored in self._stored():
            packed, inputs = stored(f"{key}|mask"), int(stored(f"{key}|inputs"))
            criterion = bytes(stored(f"{key}|criterion").tolist()).decode()
            *errors, tokens = stored(f"{key}|diagnostics").tolist()
            diagnostics = Diagnostics(*errors, sample_tokens=int(tokens), criterion=criterion)
            mask = torch.from_numpy(unpack(packed.numpy(), inputs))
            kept, norms = stored(f"{key}|kept"), stored(f"{key}|norms")
            yield LinearResult(block, key.partition("|")[2], mask, kept, diagnostics, norms)

    def kept(self) -> Iterator[torch.Tensor]:
        """The kept weights of all linears in the order of `results`, of a method that changes them."""
        return (stored(f"{key}|kept") for _, key, stored in self._stored())

    def _stored(self) -> Iterator[tuple[int, str, Callable[[str], torch.Tensor | None]]]:
        """Block, key and a way to read a tensor by its name, None where it is not there, of every linear in order."""
        for block in range(self._blocks):
            with safe_open(self._block_file(block), framework="pt") as file:
                names = set(file.keys())
                for key in sorted({name.rpartition("|")[0] for name in names}):
                    yield (
                        block,
                        key,
                        lambda name, file=file, names=names: file.get_tensor(name) if name in names else None,
                    )

    def remove(self) -> None:
        """Delete the folder: the job has succeeded, or is to begin anew."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _block_file(self, block: int) -> Path:
        return self.folder / f"block-{block:05}.safetensors"

    def _states_file(self, block: int) -> Path:
        return self.folder / f"states-{block:05}.safetensors"

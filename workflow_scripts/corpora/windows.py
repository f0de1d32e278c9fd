"""Calibration windows: runs of token ids of one length, cut from documents. Seed s draws the s-th disjoint share.

The share of a seed begins with the first document that the seed before it left untouched. So the draws of different
seeds have no document in common, and do not depend on which seeds a study lists.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

import pyarrow as pa

from workflow_scripts.corpora.mixtures import allocate, take_turns, window_weights
from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument

WINDOWS_SCHEMA = pa.schema(
    [
        pa.field("window", pa.int32(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("doc_ids", pa.list_(pa.string()), nullable=False),
        pa.field("token_ids", pa.list_(pa.int32()), nullable=False),
    ]
)


class TooFewDocuments(ValueError):
    """The calibration documents of a language do not fill the windows of a seed."""


@dataclass(frozen=True)
class Window:
    """Token ids of one window and the documents they come from, in order."""

    doc_ids: list[str]
    token_ids: list[int]


def packed(
    documents: Sequence[TokenizedDocument], boundary: Boundary, windows: int, length: int
) -> Iterator[list[Window]]:
    """The draws of seed 0, 1, 2, ... from documents joined into one stream: no text is too short to be used.

    The stream of a draw is: first document, EOS, BOS, second document, EOS, ...; a window is BOS and the next
    length - 1 tokens of the stream, or the next `length` where the tokenizer has no BOS. When the documents run out, the
    last draw has fewer windows, and its last window may be shorter.
    """
    head = [] if boundary.bos is None else [boundary.bos]
    start = 0
    while start < len(documents):
        stream = _stream(documents, start, boundary)
        draw = []
        for _ in range(windows):
            if run := list(islice(stream, length - len(head))):
                owners = dict.fromkeys(index for _, index in run if index is not None)
                draw.append(Window([documents[index].doc_id for index in owners], head + [token for token, _ in run]))
                start = max(owners, default=start - 1) + 1
        if not draw:
            return
        yield draw


def _stream(documents: Sequence[TokenizedDocument], start: int, boundary: Boundary) -> Iterator[tuple[int, int | None]]:
    """Tokens from document `start` on, each with the index of its document, None for BOS and EOS between documents."""
    between = False
    for index in range(start, len(documents)):
        tokens = documents[index].token_ids
        if tokens and between and boundary.bos is not None:
            yield boundary.bos, None
        for token in tokens:
            yield token, index
        if tokens and boundary.eos is not None:
            yield boundary.eos, None
        between = between or bool(tokens)


def long(
    documents: Sequence[TokenizedDocument], boundary: Boundary, windows: int, length: int
) -> Iterator[list[Window]]:
    """The draws of seed 0, 1, 2, ... of the published sampling: one window from each document longer than a window.

    The window begins at random (Sun et al. 2023, Frantar & Alistarh 2023, whose documents are drawn at random too: here
    they come in stored order). BOS takes the place of its first token where the tokenizer has one; EOS is not used.
    When documents run out, the last draw has fewer windows.
    """
    draw: list[Window] = []
    seed = 0
    for document in documents:
        tokens = document.token_ids
        if len(tokens) <= length:
            continue
        offset = Random(f"{document.doc_id}/{seed}").randrange(len(tokens) - length + 1)
        run = tokens[offset : offset + length]
        draw.append(Window([document.doc_id], run if boundary.bos is None else [boundary.bos, *run[1:]]))
        if len(draw) == windows:
            yield draw
            draw = []
            seed += 1
    if draw:
        yield draw


SAMPLINGS = {"packed": packed, "long": long}


def draw_windows(
    documents: Mapping[str, Sequence[TokenizedDocument]],
    boundary: Boundary,
    mixture: Mapping[str, float],
    windows: int,
    length: int,
    sampling: str,
    seed: int,
    corpus: str = "",
) -> pa.Table:
    """The windows of a calibration as a table of WINDOWS_SCHEMA, by language and then in the order of drawing.

    Args:
        documents: calibration documents of each language of the mixture, in stored order.
        boundary: the tokens that begin and end a text.
        mixture: weight of each language.
        windows: number of windows of all languages.
        length: tokens in a window, BOS among them.
        sampling: "packed" or "long".
        seed: which disjoint share of the documents to draw: 0, 1, 2, ...
        corpus: name of the corpus, for errors.

    Raises:
        TooFewDocuments: the documents of a language run out.
        ValueError: an argument out of range, a language without documents, or documents kept for evaluation.
    """
    _check_sampling(length, sampling, seed, shortest=1 if boundary.bos is None else 2)
    counts = allocate(windows, mixture)
    _check_documents(documents, counts)
    weights = window_weights(windows, mixture, counts)
    rows = []
    for language, count in counts.items():
        draws = list(islice(SAMPLINGS[sampling](documents[language], boundary, count, length), seed + 1))
        sizes = [sum(len(window.token_ids) for window in draw) for draw in draws]
        if len(sizes) <= seed or sizes[seed] < count * length:
            raise _too_few(language, corpus, count, length, sampling, seed, sizes)
        rows += [(language, weights[language], window.doc_ids, window.token_ids) for window in draws[seed]]
    columns = [list(range(windows)), *map(list, zip(*rows, strict=True))]
    return pa.table(columns, schema=WINDOWS_SCHEMA)


def draw_content(
    documents: Mapping[str, Sequence[TokenizedDocument]],
    boundary: Boundary,
    mixture: Mapping[str, float],
    count: int,
    length: int,
    seed: int,
    corpus: str = "",
) -> pa.Table:
    """The windows of a calibration that is matched on content: seed s takes documents s * count to (s + 1) * count.

    On a parallel corpus these say the same in every language, in as many tokens as a language takes. They are joined as
    in `packed` and cut evenly into the fewest windows of at most `length` tokens; fewer tokens than there are windows
    are left over at the end. In a mixture the languages take turns, so that its documents are those of one language too.

    Args:
        documents: calibration documents of each language of the mixture, in stored order.
        boundary: the tokens that begin and end a text.
        mixture: weight of each language, in documents.
        count: number of documents of all languages.
        length: tokens in a window at most, BOS among them.
        seed: which disjoint share of the documents to draw: 0, 1, 2, ...
        corpus: name of the corpus, for errors.

    Returns:
        A table of WINDOWS_SCHEMA; `language` joins the languages of a window with `+`, each window weighs 1.

    Raises:
        TooFewDocuments: the documents of a language run out.
        ValueError: an argument out of range, a language without documents, or documents kept for evaluation.
    """
    head = [] if boundary.bos is None else [boundary.bos]
    _check_sampling(length, "packed", seed, shortest=1 + len(head))
    counts = allocate(count, mixture)
    _check_documents(documents, counts)
    for language in counts:
        if len(documents[language]) < (seed + 1) * count:
            raise TooFewDocuments(
                f"Corpus {corpus!r} has {len(documents[language])} calibration documents of language {language!r}, and "
                f"seed {seed} needs {(seed + 1) * count} ({count} a seed): take fewer documents or seeds, or a larger corpus."
            )
    shares = [[each.doc_id for each in documents[language][seed * count : (seed + 1) * count]] for language in counts]
    if any(share != shares[0] for share in shares):
        raise ValueError(
            f"Corpus {corpus!r} does not have the same documents in {' and '.join(counts)}, so that they do not match on "
            "content: give parallel documents equal doc_id, leave out those that a language lacks, or write "
            "calibration.windows in place of documents."
        )
    owners = take_turns(counts)
    chosen = [documents[language][seed * count + index] for index, language in enumerate(owners)]
    stream = list(_stream(chosen, 0, boundary))
    windows = max(1, -(-len(stream) // (length - len(head))))
    size = len(stream) // windows
    rows = []
    for window in range(windows):
        run = stream[window * size : (window + 1) * size]
        found = list(dict.fromkeys(index for _, index in run if index is not None))
        language = "+".join(sorted({owners[index] for index in found}))
        rows.append(
            (window, language, 1.0, [chosen[index].doc_id for index in found], head + [token for token, _ in run])
        )
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=WINDOWS_SCHEMA)


def _check_sampling(length: int, sampling: str, seed: int, shortest: int) -> None:
    if length < shortest:
        raise ValueError(f"A window of {length} tokens holds no text: take at least {shortest}.")
    if sampling not in SAMPLINGS:
        raise ValueError(f"There is no sampling {sampling!r}: take one of {', '.join(SAMPLINGS)}.")
    if seed < 0:
        raise ValueError(f"Seed {seed} is negative: seeds count the disjoint shares of a corpus, 0, 1, 2, ...")


def _check_documents(documents: Mapping[str, Sequence[TokenizedDocument]], languages: Iterable[str]) -> None:
    for language in languages:
        if language not in documents:
            raise ValueError(f"Language {language!r} of the mixture has no documents: add it to the corpus.")
        for document in documents[language]:
            if document.split == "evaluation":
                raise ValueError(
                    f"Document {document.doc_id!r} of {language!r} is for evaluation: never calibrate on it."
                )


def _too_few(
    language: str, corpus: str, count: int, length: int, sampling: str, seed: int, sizes: list[int]
) -> TooFewDocuments:
    there = sizes[seed] if len(sizes) > seed else 0
    complete = sum(size == count * length for size in sizes)
    kind = f" in documents longer than {length} tokens" if sampling == "long" else ""
    return TooFewDocuments(
        f"Corpus {corpus!r} has {there} calibration tokens of language {language!r}{kind} left for seed {seed}, which "
        f"needs {count * length} ({count} windows of {length}; seeds that it fills: {complete}): "
        "take fewer or shorter windows, fewer seeds, or a larger corpus."
    )

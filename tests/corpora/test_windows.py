from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.corpora.tokens import Boundary, TokenizedDocument
from workflow_scripts.corpora.windows import WINDOWS_SCHEMA, TooFewDocuments, draw_content, draw_windows

BOS, EOS = 1, 2


def document(doc_id: str, token_ids: list[int], split: str = "calibration") -> TokenizedDocument:
    return TokenizedDocument(doc_id, split, None, token_ids, 0, 0)


def corpus_of(sizes: list[int], first: int = 10) -> list[TokenizedDocument]:
    """Documents of these many tokens, all tokens distinct, so that a token tells its document and place."""
    documents = []
    for number, size in enumerate(sizes):
        documents.append(document(f"d{number}", list(range(first, first + size))))
        first += size
    return documents


def draw(documents, windows=2, length=4, sampling="packed", seed=0, bos=BOS, eos=EOS):
    return draw_windows({"sw": documents}, Boundary(bos, eos, ()), {"sw": 1}, windows, length, sampling, seed, "tiny")


def draws(documents, **settings) -> list:
    """The tables of all seeds that the documents allow."""
    tables = []
    while True:
        try:
            tables.append(draw(documents, seed=len(tables), **settings))
        except TooFewDocuments:
            return tables


CORPORA = st.lists(st.integers(0, 12), min_size=1, max_size=30).map(corpus_of)
SETTINGS = st.fixed_dictionaries(
    {
        "windows": st.integers(1, 4),
        "length": st.integers(2, 6),
        "sampling": st.sampled_from(["packed", "long"]),
        "bos": st.sampled_from([BOS, None]),
        "eos": st.sampled_from([EOS, None]),
    }
)


@given(CORPORA, SETTINGS)
def test_every_window_has_the_length_and_starts_with_bos(documents, settings):
    for table in draws(documents, **settings):
        assert table.schema == WINDOWS_SCHEMA
        assert table["window"].to_pylist() == list(range(settings["windows"]))
        for ids in table["token_ids"].to_pylist():
            assert len(ids) == settings["length"]
            assert settings["bos"] is None or ids[0] == BOS


@given(CORPORA, SETTINGS)
def test_seeds_share_no_document_and_no_token(documents, settings):
    of_documents, of_tokens = [], []
    for table in draws(documents, **settings):
        of_documents += {doc_id for ids in table["doc_ids"].to_pylist() for doc_id in ids}
        of_tokens += [t for ids in table["token_ids"].to_pylist() for t in ids if t not in (BOS, EOS)]
    assert len(of_documents) == len(set(of_documents))
    assert len(of_tokens) == len(set(of_tokens))


@given(CORPORA, SETTINGS)
def test_doc_ids_name_exactly_the_documents_of_the_tokens(documents, settings):
    owner = {token: d.doc_id for d in documents for token in d.token_ids}
    for table in draws(documents, **settings):
        for row in table.to_pylist():
            assert row["doc_ids"] == list(dict.fromkeys(owner[t] for t in row["token_ids"] if t in owner))


@given(CORPORA, CORPORA, SETTINGS)
def test_further_documents_change_no_earlier_draw(documents, more, settings):
    before = draws(documents, **settings)
    after = draws([*documents, *(document("x" + d.doc_id, d.token_ids) for d in more)], **settings)
    assert after[: len(before)] == before


@given(st.dictionaries(st.sampled_from(["de", "en", "sw", "zh"]), st.floats(0.1, 1), min_size=1), st.integers(40, 60))
def test_weights_add_up_to_the_number_of_windows(mixture, windows):
    documents = {language: corpus_of([300]) for language in mixture}
    table = draw_windows(documents, Boundary(BOS, EOS, ()), mixture, windows, 4, "packed", 0)
    assert sum(table["weight"].to_pylist()) == pytest.approx(windows, rel=1e-12)
    languages = table["language"].to_pylist()
    assert languages == sorted(languages)


def test_packed_windows_run_on_through_documents():
    documents = corpus_of([3, 2, 4, 3, 5])
    first, second = draw(documents, windows=3, seed=0), draw(documents, windows=3, seed=1)
    assert first["token_ids"].to_pylist() == [[BOS, 10, 11, 12], [BOS, EOS, BOS, 13], [BOS, 14, EOS, BOS]]
    assert first["doc_ids"].to_pylist() == [["d0"], ["d1"], ["d1"]]
    assert second["token_ids"].to_pylist() == [[BOS, 15, 16, 17], [BOS, 18, EOS, BOS], [BOS, 19, 20, 21]]
    assert second["doc_ids"].to_pylist() == [["d2"], ["d2"], ["d3"]]


def test_packed_windows_without_special_tokens_are_the_bare_text():
    table = draw(corpus_of([3, 2, 4]), bos=None, eos=None)
    assert table["token_ids"].to_pylist() == [[10, 11, 12, 13], [14, 15, 16, 17]]
    assert table["doc_ids"].to_pylist() == [["d0", "d1"], ["d1", "d2"]]


def test_a_document_that_only_lent_its_bos_is_left_for_the_next_seed():
    documents = corpus_of([1, 9])
    assert draw(documents, windows=1, seed=0)["token_ids"].to_pylist() == [[BOS, 10, EOS, BOS]]
    assert draw(documents, windows=1, seed=1)["token_ids"].to_pylist() == [[BOS, 11, 12, 13]]


def test_long_windows_are_runs_within_one_document_longer_than_a_window():
    documents = corpus_of([4, 9, 3, 20, 5, 6])
    table = draw(documents, sampling="long")
    assert table["doc_ids"].to_pylist() == [["d1"], ["d3"]]
    for row in table.to_pylist():
        ids = row["token_ids"]
        assert ids[0] == BOS and ids[1:] == list(range(ids[1], ids[1] + 3))
    assert draw(documents, sampling="long", seed=1)["doc_ids"].to_pylist() == [["d4"], ["d5"]]


def test_long_windows_begin_anywhere():
    offsets = {
        draw([document(f"n{n}", corpus_of([8])[0].token_ids)], windows=1, sampling="long", bos=None)["token_ids"][0][
            0
        ].as_py()
        for n in range(200)
    }
    assert offsets == {10, 11, 12, 13, 14}


def test_long_windows_follow_from_doc_id_and_seed_and_bos_takes_the_first_place():
    documents = corpus_of([30, 30])
    bare = draw(documents, windows=1, sampling="long", bos=None, seed=1)["token_ids"].to_pylist()
    offset = Random("d1/1").randrange(27)
    assert bare == [list(range(40 + offset, 44 + offset))]
    with_bos = draw(documents, windows=1, sampling="long", seed=1)["token_ids"].to_pylist()
    assert with_bos == [[BOS, *bare[0][1:]]]


def test_windows_of_an_uneven_mixture_weigh_its_exact_shares():
    documents = {"en": corpus_of([20]), "sw": corpus_of([20])}
    table = draw_windows(documents, Boundary(BOS, EOS, ()), {"en": 0.55, "sw": 0.45}, 4, 4, "packed", 0)
    assert table["weight"].to_pylist() == [1.1, 1.1, 0.9, 0.9]


def test_each_language_of_a_mixture_draws_from_its_own_documents():
    documents = {"en": corpus_of([20]), "sw": corpus_of([20], first=100)}
    table = draw_windows(documents, Boundary(BOS, EOS, ()), {"en": 1, "sw": 3}, 4, 4, "packed", 0)
    assert table["language"].to_pylist() == ["en", "sw", "sw", "sw"]
    assert [ids[1] for ids in table["token_ids"].to_pylist()] == [10, 100, 103, 106]


def test_too_few_documents_says_what_is_there_and_what_to_do():
    with pytest.raises(TooFewDocuments) as caught:
        draw(corpus_of([6, 6, 4]), seed=2)
    assert str(caught.value) == (
        "Corpus 'tiny' has 7 calibration tokens of language 'sw' left for seed 2, which needs 8 (2 windows of 4; "
        "seeds that it fills: 2): take fewer or shorter windows, fewer seeds, or a larger corpus."
    )


def test_too_few_long_documents_are_reported_as_such():
    with pytest.raises(TooFewDocuments, match="has 4 .* in documents longer than 4 tokens left for seed 0"):
        draw(corpus_of([6, 4, 3]), sampling="long")


def test_a_seed_beyond_the_first_that_fails_has_nothing_left():
    with pytest.raises(TooFewDocuments, match="has 0 .* seed 5"):
        draw(corpus_of([6, 2]), seed=5)


@pytest.mark.parametrize("documents", [[], corpus_of([0, 0])])
def test_empty_documents_fill_no_window(documents):
    with pytest.raises(TooFewDocuments, match="has 0 "):
        draw(documents)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "Seed -1"),
        ({"length": 1}, "take at least 2"),
        ({"length": 0, "bos": None}, "take at least 1"),
        ({"windows": 0}, "take at least 1"),
        ({"sampling": "short"}, "packed, long"),
    ],
)
def test_arguments_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        draw(corpus_of([30]), **settings)


def test_a_language_without_documents_is_refused():
    with pytest.raises(ValueError, match="'zh'"):
        draw_windows({"sw": corpus_of([30])}, Boundary(BOS, EOS, ()), {"sw": 1, "zh": 1}, 2, 4, "packed", 0)


def test_evaluation_documents_are_never_drawn():
    with pytest.raises(ValueError, match="'e' of 'sw' is for evaluation"):
        draw([*corpus_of([30]), document("e", [5, 6], "evaluation")])


def content(documents, mixture, count, length=6, seed=0, bos=BOS, eos=EOS):
    return draw_content(documents, Boundary(bos, eos, ()), mixture, count, length, seed, "tiny")


@given(
    st.lists(st.integers(1, 12), min_size=6, max_size=12),
    st.lists(st.integers(1, 12), min_size=12, max_size=12),
    st.integers(1, 3),
    st.integers(3, 9),
    st.integers(0, 1),
)
def test_matched_on_content_every_language_sees_the_same_documents_whole(first, second, count, length, seed):
    documents = {"aa": corpus_of(first), "bb": corpus_of(second, first=1000)}
    for mixture in ({"aa": 1}, {"bb": 1}, {"aa": 1, "bb": 1}):
        if len(mixture) > count:
            continue
        table = content(documents, mixture, count, length, seed)
        windows = table["token_ids"].to_pylist()
        assert len({len(ids) for ids in windows}) == 1 and len(windows[0]) <= length
        assert all(ids[0] == BOS for ids in windows)
        found = {doc_id for ids in table["doc_ids"].to_pylist() for doc_id in ids}
        assert found <= {f"d{number}" for number in range(seed * count, (seed + 1) * count)}
        texts = [(documents["aa"][i], documents["bb"][i]) for i in range(seed * count, (seed + 1) * count)]
        seen = {token for ids in windows for token in ids}
        for ours in texts:
            # Of the last document fewer tokens than there are windows may be missing.
            here = [d for d in ours if set(d.token_ids) & seen]
            assert len(here) <= 1
        total = sum(len(d.token_ids) for pair in texts for d in pair if set(d.token_ids) & seen)
        assert total - len(seen - {BOS, EOS}) < len(windows)


def test_in_a_mixture_matched_on_content_languages_take_turns():
    documents = {"aa": corpus_of([4] * 6), "bb": corpus_of([4] * 6, first=1000)}
    table = content(documents, {"aa": 2, "bb": 1}, 3, length=40, seed=1)
    [ids] = table["token_ids"].to_pylist()
    assert table["language"].to_pylist() == ["aa+bb"]
    assert [token for token in ids if token not in (BOS, EOS)] == [
        *documents["aa"][3].token_ids,
        *documents["bb"][4].token_ids,
        *documents["aa"][5].token_ids,
    ]


def test_documents_that_run_out_are_counted():
    with pytest.raises(TooFewDocuments, match=r"has 5 calibration documents .*seed 1 needs 6 \(3 a seed\)"):
        content({"aa": corpus_of([4] * 5)}, {"aa": 1}, 3, seed=1)


def test_a_mixture_matched_on_content_is_refused_where_a_language_lacks_a_document():
    documents = {"aa": corpus_of([4] * 6), "bb": corpus_of([4] * 6)}
    del documents["bb"][3]
    mixture = {"aa": 1, "bb": 1}
    assert content(documents, mixture, 2, seed=0).num_rows
    with pytest.raises(ValueError, match="'tiny' does not have the same documents in aa and bb"):
        content(documents, mixture, 2, seed=1)
    assert content(documents, {"bb": 1}, 2, seed=1).num_rows

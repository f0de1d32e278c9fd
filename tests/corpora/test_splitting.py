import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.corpora.document import CorpusError, Document
from workflow_scripts.corpora.splitting import arrange, check_share, hash_fraction, split_of

SHARES = st.floats(0, 1)
SPLIT_OF_SW_1 = 0.06373196357660259


@given(st.text(), SHARES, SHARES)
def test_a_larger_share_never_moves_a_document_out_of_evaluation(doc_id, one, two):
    low, high = sorted((one, two))
    assert not (split_of(doc_id, low) == "evaluation" and split_of(doc_id, high) == "calibration")


@given(st.text())
def test_shares_of_0_and_1_leave_one_split_only(doc_id):
    assert split_of(doc_id, 0.0) == "calibration"
    assert split_of(doc_id, 1.0) == "evaluation"


def test_the_share_is_kept_on_many_documents():
    evaluation = sum(split_of(str(number), 0.3) == "evaluation" for number in range(10_000))
    assert abs(evaluation - 3000) < 5 * (10_000 * 0.3 * 0.7) ** 0.5


def test_hashes_are_fixed_for_good():
    # First 64 bits of `printf 'split\0sw-1' | sha256sum`, over 2**64: a change moves documents of existing studies.
    assert hash_fraction("sw-1", "split") == pytest.approx(SPLIT_OF_SW_1, abs=1e-15)


def test_the_order_says_nothing_about_the_split():
    splits = [d.split for d in arrange([Document(str(n), f"text {n}") for n in range(1000)], "sw", 0.5)]
    early = splits[:500].count("evaluation") / splits.count("evaluation")
    assert 0.4 < early < 0.6


def test_parallel_documents_are_split_and_ordered_alike():
    swahili = arrange([Document(str(n), f"hati {n}") for n in range(50)], "sw", 0.5)
    english = arrange([Document(str(n), f"document {n}") for n in reversed(range(50))], "en", 0.5)
    assert [(d.doc_id, d.split) for d in swahili] == [(d.doc_id, d.split) for d in english]
    assert [d.doc_id for d in swahili] != [str(n) for n in range(50)]
    assert {d.split for d in swahili} == {"calibration", "evaluation"}


def test_a_further_document_moves_no_other():
    documents = [Document(str(n), f"text {n}") for n in range(20)]
    before = arrange(documents, "sw", 0.5)
    after = arrange([*documents, Document("new", "new text")], "sw", 0.5)
    assert [d for d in after if d.doc_id != "new"] == before


def test_a_split_brought_along_is_kept():
    documents = [Document(str(n), f"text {n}", split="evaluation") for n in range(10)]
    assert {d.split for d in arrange(documents, "sw", 0.0)} == {"evaluation"}


def test_of_equal_texts_the_first_stays_and_the_count_is_logged(caplog):
    documents = [Document("a", "same"), Document("b", "other"), Document("c", "same"), Document("d", "same")]
    with caplog.at_level(logging.INFO):
        kept = arrange(documents, "sw", 0.5)
    assert {d.doc_id for d in kept} == {"a", "b"}
    assert "sw: dropped 2 duplicates" in caplog.text


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(CorpusError, match="between 0 and 1"):
        check_share(share)

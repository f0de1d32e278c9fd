"""The benchmark of overlaps on stores of a few bytes."""

import json
from itertools import combinations

import pytest

from benchmarks import mask_overlap
from benchmarks.mask_overlap import BLOCKS, LLAMA, main, measure, opened, write_stores
from workflow_scripts.masks.overlap import overlaps

SMALL = {"self_attn.q_proj": (24, 40), "mlp.down_proj": (16, 72)}


def test_stores_have_the_shapes_and_differ(tmp_path):
    write_stores(tmp_path, 3, 2, SMALL)
    with opened(tmp_path) as stores:
        for store in stores.values():
            found = {
                (linear.block, linear.module): (linear.out_features, linear.in_features) for linear in store.linears
            }
            assert found == {(block, module): shape for block in range(2) for module, shape in SMALL.items()}
        # Independent halves share a third of what either keeps.
        iou = overlaps(stores, list(combinations(stores, 2)))["iou"]
    assert iou.len() == 3 * 4
    assert iou.to_list() == pytest.approx([1 / 3] * 12, abs=0.1)


def test_the_shapes_are_those_of_an_8b_model():
    assert BLOCKS * sum(rows * columns for rows, columns in LLAMA.values()) == pytest.approx(7e9, rel=0.01)


def test_every_operation_reads_every_store_every_round(tmp_path, monkeypatch):
    write_stores(tmp_path, 3, 1, SMALL)
    opens = []
    store = mask_overlap.MaskStore
    monkeypatch.setattr(mask_overlap, "MaskStore", lambda path: opens.append(path) or store(path))
    timings = measure(tmp_path, blocks=4, threads=1, repeats=2, from_disk=True)
    assert len(opens) == 2 * 2 * 3
    assert [len(timing.seconds) for timing in timings] == [2, 2, 2]
    assert timings[0].whole == pytest.approx(8 * sum(timings[0].seconds) / 2)


def test_the_whole_run_prints_and_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mask_overlap, "LLAMA", SMALL)
    monkeypatch.setattr(mask_overlap, "begin", lambda threads: None)
    main(blocks=1, stores=2, repeats=1, output=tmp_path / "overlap.json")
    figures = json.loads((tmp_path / "overlap.json").read_text())["figures"]
    assert figures["overlap"]["peak_anonymous"] > 0 and len(figures["timings"]) == 3
    assert "2 stores of 1 blocks" in (printed := capsys.readouterr().out) and "1 pairs" in printed

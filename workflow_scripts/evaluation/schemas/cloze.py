"""Scores of cloze items."""

import pyarrow as pa

CLOZE_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("answer", pa.int32(), nullable=False),
        pa.field("loglikelihoods", pa.list_(pa.float64()), nullable=False),
        pa.field("tokens", pa.list_(pa.int32()), nullable=False),
        pa.field("margin", pa.float64(), nullable=False),
        pa.field("correct", pa.bool_(), nullable=False),
    ]
)

"""Sums of losses per document."""

import pyarrow as pa

PERPLEXITY_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("nats", pa.float64(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("bytes", pa.int32(), nullable=False),
        pa.field("characters", pa.int32(), nullable=False),
        pa.field("divergence", pa.float64(), nullable=False),
        pa.field("agreement", pa.int32(), nullable=False),
    ]
)

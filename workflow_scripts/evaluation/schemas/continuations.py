"""What a model writes after the beginnings of documents."""

import pyarrow as pa

CONTINUATIONS_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("token_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("ended", pa.bool_(), nullable=False),
    ]
)

"""What a model answers to open questions."""

import pyarrow as pa

ANSWERS_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("prediction", pa.string(), nullable=False),
        pa.field("exact_match", pa.float64(), nullable=False),
        pa.field("f1", pa.float64(), nullable=False),
        pa.field("golds", pa.int32(), nullable=False),
        pa.field("likeliest", pa.string()),
        pa.field("loglikelihood", pa.float64()),
        pa.field("tokens", pa.int32()),
    ]
)

"""Schema of the diagnostics of a pruned model, a row a linear. Imports no torch, for the catalogue of artifacts reads it too."""

import pyarrow as pa

LAYERS_SCHEMA = pa.schema(
    [
        pa.field("block", pa.int64()),
        pa.field("module", pa.string()),
        pa.field("sparsity", pa.float64()),
        pa.field("local_error", pa.float64()),
        pa.field("path_error", pa.float64()),
        pa.field("signal_to_noise", pa.float64()),
        pa.field("damping", pa.float64()),
        pa.field("sample_tokens", pa.int64()),
        pa.field("criterion", pa.string()),
        pa.field("input_norms", pa.list_(pa.float32())),
    ]
)
"""`block` and `module`, the fields of `pruning.results.Diagnostics`, and the norms of the inputs."""

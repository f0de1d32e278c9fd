"""How often the neurons of a model fire on the texts of a language."""

import pyarrow as pa

HALVES = ("first", "second")
ACTIVATIONS_SCHEMA = pa.schema(
    [pa.field("block", pa.int32(), nullable=False), pa.field("neuron", pa.int32(), nullable=False)]
    + [pa.field(name, pa.int64(), nullable=False) for name in (*HALVES, "tokens")]
)

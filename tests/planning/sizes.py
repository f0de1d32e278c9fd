"""A model small enough to compute with by hand."""

from workflow_scripts.planning.shapes import LinearShape, ModelShape

# One block: q and k read 4 inputs together, o reads 4 by itself, down reads 10.
SHAPE = ModelShape(
    parameters=1000,
    hidden=4,
    vocabulary=50,
    linears=(
        LinearShape(0, "self_attn.q_proj", 4, 4),
        LinearShape(0, "self_attn.k_proj", 2, 4),
        LinearShape(0, "self_attn.o_proj", 4, 4),
        LinearShape(0, "mlp.down_proj", 4, 10),
    ),
    dtype_bytes=2,
)

"""Count the matrix products and attentions that torch really executes, and time plain products of the same shapes."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from workflow_scripts.models.cpu import ONEDNN_LINEAR

aten = torch.ops.aten
FACTORS = {
    **dict.fromkeys((aten.mm, aten.bmm, aten.mv, aten.dot), 0),
    **dict.fromkeys((aten.addmm, aten.addmm_, aten.baddbmm, aten.baddbmm_, aten.addmv, aten.addmv_), 1),
}
"""Operation -> place of the first factor among its arguments; the second factor follows."""
ATTENTION = aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(frozen=True)
class Layout:
    """Size and strides of a factor: a transposed one is multiplied at another speed."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: torch.Tensor) -> "Layout":
        """The layout of a tensor."""
        return cls(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)

    def random(self) -> torch.Tensor:
        """A random tensor of this layout; one that repeats itself in memory becomes contiguous."""
        empty = torch.empty(self.size, dtype=self.dtype)
        if 0 not in self.stride:
            empty = torch.empty_strided(self.size, self.stride, dtype=self.dtype)
        return empty.normal_()


@dataclass(frozen=True)
class Product:
    """A matrix product, batched or not, by the layouts of its factors."""

    a: Layout
    b: Layout

    @property
    def operations(self) -> int:
        """Multiplications and additions of one such product."""
        columns = self.b.size[-1] if len(self.b.size) > 1 else 1
        return 2 * torch.Size(self.a.size).numel() * columns

    def seconds(self, at_least: float = 0.2) -> float:
        """Median seconds of the plain product by the quicker of torch's kernels, over `at_least` seconds of each."""
        a, b = self.a.random(), self.b.random()
        out = torch.matmul(a, b)
        kernels = [lambda: torch.matmul(a, b, out=out)]
        if a.ndim == b.ndim == 2 and a.dtype == torch.float32 and ONEDNN_LINEAR:
            kernels.append(lambda: ONEDNN_LINEAR(a, b.T, None, "none", [], ""))
        return min(_median_seconds(kernel, at_least) for kernel in kernels)


def _median_seconds(kernel: Callable[[], object], at_least: float) -> float:
    spent, total = [], 0.0
    while len(spent) < 5 or total < at_least:
        start = time.perf_counter()
        kernel()
        spent.append(time.perf_counter() - start)
        total += spent[-1]
    return median(spent)


@dataclass
class OperationCounter(TorchDispatchMode):
    """Counts what is executed inside the context, by this thread.

    Elementwise operations, sums and sorts are not counted. Attention in tiles counts by its products, which reach a little
    beyond the triangle that is wanted; of fused causal attention the triangle is counted.

    Attributes:
        products: how often each product was executed.
        attention: operations of fused attention.
    """

    products: Counter[Product] = field(default_factory=Counter)
    attention: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        operation = func._overloadpacket
        if operation in FACTORS:
            first = FACTORS[operation]
            self.products[Product(Layout.of(args[first]), Layout.of(args[first + 1]))] += 1
        elif operation == ONEDNN_LINEAR:
            self.products[Product(Layout.of(args[0].flatten(0, -2)), Layout.of(args[1].T))] += 1
        elif operation == ATTENTION:
            self.attention += attention_operations(*args[:3], causal=bool(args[4:5] and args[4]))
        elif "attention" in str(operation):
            raise NotImplementedError(f"{operation} is executed, and nobody has said how to count it.")
        return func(*args, **(kwargs or {}))

    @property
    def operations(self) -> int:
        """All that was counted."""
        return self.attention + sum(product.operations * times for product, times in self.products.items())


def attention_operations(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, causal: bool) -> int:
    """Operations of the two products of attention, [batch, heads, tokens, features] each."""
    batch, heads, queries, features = query.shape
    keys = key.shape[-2]
    pairs = sum(min(place + 1, keys) for place in range(queries)) if causal else queries * keys
    return 2 * batch * heads * pairs * (features + value.shape[-1])


def plain_rate(products: Counter[Product]) -> float:
    """Operations a second of plain products of the same shapes, each weighed by how often it was executed."""
    operations = sum(product.operations * times for product, times in products.items())
    return operations / sum(product.seconds() * times for product, times in products.items())

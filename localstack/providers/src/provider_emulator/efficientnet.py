"""Writes EfficientNet-Lite0 as ONNX from its PyTorch checkpoint, once, into the models folder.

Input `image` float32 [1, 3, 224, 224], `(x - 127) / 128`; output `probabilities` float32 [1, 1000] over ImageNet-1k.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from provider_emulator.checkpoint import read_checkpoint
from provider_emulator.weights import EFFICIENTNET, sha256_of, verified

Array = npt.NDArray[np.float32]

# repeats, kernel, stride of the first block, expansion, output channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM_CHANNELS = 32
_BATCH_NORM_EPSILON = 1e-3
_GRAPH_VERSION = 1


@dataclass
class _Graph:
    weights: dict[str, npt.NDArray[Any]]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:  # noqa: ANN401 # ONNX attributes
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def convolution(
        self, source: str, conv: str, norm: str, kernel: int, stride: int = 1, group: int = 1, activate: bool = True
    ) -> str:
        """A convolution with its batch normalization folded in, then ReLU6 unless `activate` is false."""
        scale = self.weights[f"{norm}.weight"] / np.sqrt(self.weights[f"{norm}.running_var"] + _BATCH_NORM_EPSILON)
        kernels = self.weights[f"{conv}.weight"] * scale[:, None, None, None]
        bias = self.weights[f"{norm}.bias"] - self.weights[f"{norm}.running_mean"] * scale
        output = self.node(
            "Conv",
            [
                source,
                self.constant(f"{conv}.w", kernels.astype(np.float32)),
                self.constant(f"{conv}.b", bias.astype(np.float32)),
            ],
            f"{conv}.out",
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=group,
            auto_pad="SAME_UPPER",
        )
        return self.node("Clip", [output, "zero", "six"], f"{conv}.act") if activate else output


def _build(weights: dict[str, npt.NDArray[Any]]) -> onnx.ModelProto:
    graph = _Graph(weights)
    graph.constant("zero", np.array(0, np.float32))
    graph.constant("six", np.array(6, np.float32))
    x = graph.convolution("image", "_conv_stem", "_bn0", kernel=3, stride=2)
    channels, block = _STEM_CHANNELS, 0
    for repeats, kernel, first_stride, expansion, out in _STAGES:
        for repeat in range(repeats):
            stride, name, entry = (first_stride if repeat == 0 else 1), f"_blocks.{block}", x
            if expansion != 1:
                x = graph.convolution(x, f"{name}._expand_conv", f"{name}._bn0", kernel=1)
            wide = channels * expansion
            x = graph.convolution(x, f"{name}._depthwise_conv", f"{name}._bn1", kernel, stride, group=wide)
            x = graph.convolution(x, f"{name}._project_conv", f"{name}._bn2", kernel=1, activate=False)
            if stride == 1 and channels == out:
                x = graph.node("Add", [x, entry], f"{name}.sum")
            channels, block = out, block + 1
    x = graph.convolution(x, "_conv_head", "_bn1", kernel=1)
    x = graph.node("GlobalAveragePool", [x], "pooled")
    x = graph.node("Flatten", [x], "features", axis=1)
    fc = [graph.constant("fc.w", weights["_fc.weight"]), graph.constant("fc.b", weights["_fc.bias"])]
    x = graph.node("Gemm", [x, *fc], "logits", transB=1)
    graph.node("Softmax", [x], "probabilities", axis=1)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    result = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 1000])
    body = helper.make_graph(graph.nodes, "efficientnet-lite0", [image], [result], graph.constants)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def converted(models_dir: Path) -> Path:
    """The ONNX file in the models folder, written on first use, and again when its recorded hash does not match.

    Raises ModelFileError if the checkpoint is not the pinned one.
    """
    target = models_dir / f"efficientnet-lite0-{EFFICIENTNET.sha256[:12]}-v{_GRAPH_VERSION}.onnx"
    record = target.with_suffix(".sha256")
    if target.is_file() and record.is_file() and record.read_text().strip() == sha256_of(target):
        return target
    models_dir.mkdir(parents=True, exist_ok=True)
    model = _build(read_checkpoint(verified(EFFICIENTNET)))
    onnx.checker.check_model(model)
    draft = target.with_suffix(".tmp")
    draft.write_bytes(model.SerializeToString())
    record.write_text(sha256_of(draft) + "\n")
    draft.replace(target)
    return target

"""Small files as PyTorch, NumPy and pickle write them, for the readers in moco/interchange.

Every tensor's values follow from its count: element i is i / 4 - 1 (floats), i - 1 (whole numbers that have a sign),
i (u8), i odd (bool).
"""
import argparse
import collections
import os
import pickle

import numpy as np
import torch

from nn import Network
from pack import HERE

FOLDER = os.path.join(HERE, "interchange")


def path(name):
    return os.path.join(FOLDER, name)


def floats(*shape, dtype=torch.float32):
    return (torch.arange(int(np.prod(shape))) / 4 - 1).reshape(shape).to(dtype)


def whole(*shape, dtype=torch.int64):
    return (torch.arange(int(np.prod(shape))) - 1).reshape(shape).to(dtype)


def contents():
    shared = floats(3, 4)
    weights = collections.OrderedDict()
    weights["f64"] = floats(2, 3, dtype=torch.float64)
    weights["f32"] = torch.nn.Parameter(floats(2, 3))
    weights["f16"] = floats(2, 3, dtype=torch.float16)
    weights["bf16"] = floats(2, 3, dtype=torch.bfloat16)
    weights["i64"] = whole(5)
    weights["i32"] = whole(5, dtype=torch.int32)
    weights["i16"] = whole(5, dtype=torch.int16)
    weights["i8"] = whole(5, dtype=torch.int8)
    weights["u8"] = torch.arange(5, dtype=torch.uint8)
    weights["bool"] = torch.arange(5) % 2 == 1
    weights["scalar"] = torch.tensor(-1)
    weights["empty"] = torch.empty(0, 4)
    weights["shared"] = shared
    weights["shared_rows"] = shared[1:]
    weights["transposed"] = shared.t()
    weights["every_other"] = shared.view(-1)[::2]
    weights["expanded"] = floats(1, 2).expand(3, 2)
    weights["channels_last"] = floats(2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    return {
        "epoch": 200,
        "arch": "resnet50",
        "best": np.float64(0.5),
        "steps": np.int64(-3),
        "lr": 0.03,
        "done": True,
        "args": argparse.Namespace(lr=0.03, path="x"),
        "state_dict": weights,
        "optimizer": {"state": {0: {"momentum_buffer": floats(2)}, 1: {"momentum_buffer": floats(3)}},
                      "param_groups": [{"lr": 0.03, "params": [0, 1]}]},
    }


def torch_files():
    torch.save(contents(), path("new.pth"))
    torch.save(contents(), path("old.pth"), _use_new_zipfile_serialization=False)


def numpy_files():
    arrays = {"w": floats(2, 3).numpy(), "half": floats(4).half().numpy(), "count": whole(5).numpy(),
              "flags": (np.arange(5) % 2 == 1), "column_major": np.asfortranarray(floats(3, 4).numpy()),
              "scalar": np.array(-1)}
    np.savez(path("stored.npz"), **arrays)
    np.savez_compressed(path("packed.npz"), **arrays)
    np.save(path("column_major.npy"), arrays["column_major"])
    for protocol in (2, 4, 5):
        with open(path(f"protocol{protocol}.pkl"), "wb") as out:
            pickle.dump({"model": arrays, "__author__": "somebody", "matching_heuristics": True}, out, protocol)


def narrow(stem, head):
    """A ResNet-18 of width 1: its first weight, of every tensor, is the number of the tensor in the state."""
    net = Network("resnet18", 1, stem, 3, 1)
    if head == "linear":
        net.fc = torch.nn.Linear(8, 16)
    for i, tensor in enumerate(net.state_dict().values()):
        tensor.fill_(i)
    return net.half()


def layouts():
    reference = {f"module.encoder_q.{k}": v for k, v in narrow("imagenet", "mlp").state_dict().items()}
    torch.save({"epoch": 800, "arch": "resnet18", "state_dict": reference}, path("reference-v2.pth.tar"))
    net = narrow("cifar", "linear")
    children = [m for n, m in net.named_children() if n != "maxpool"]  # the demo's ModelBase
    children.insert(-1, torch.nn.Flatten(1))
    demo = {f"encoder_q.net.{k}": v for k, v in torch.nn.Sequential(*children).state_dict().items()}
    torch.save({"epoch": 200, "state_dict": demo}, path("cifar-demo.pth"), _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    torch_files()
    numpy_files()
    layouts()

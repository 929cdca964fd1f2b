"""Small files as other programs write and read them: safetensors (the Python package of that name) and .npy (NumPy).

nn.foreign.safetensors is written by the package, for our reader. nn.ours.safetensors is put together here byte by byte
as our writer must do it, and read back with the package. Our .npy writer must match NumPy's bytes.
"""
import json
import os
import struct

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from formula import formula
from pack import HERE


def path(name):
    return os.path.join(HERE, name)


def foreign():
    halves = [0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, 0.1, float("inf")]
    save_file({
        "f32": torch.from_numpy(formula((2, 3), 1)),
        "f64": torch.from_numpy(formula((4,), 2)).double(),
        "f16": torch.tensor(halves, dtype=torch.float16),
        "bf16": torch.tensor([1.0, -2.5, 3.140625, 1e-30], dtype=torch.bfloat16),
        "i64": torch.tensor([-1, 2**40]),
        "i32": torch.tensor([[-7], [8]], dtype=torch.int32),
        "u8": torch.tensor([0, 255, 128], dtype=torch.uint8),
        "scalar": torch.tensor(12345),
        "empty": torch.empty(0, 5),
    }, path("nn.foreign.safetensors"), metadata={"format": "pt", "note": 'quotes " and \u00e9'})


def ours():
    conv = formula((2, 3, 3, 4), 3)  # O,H,W,I in memory
    parts = [  # in the writer's order: wider types first, then as given
        ("count", "I64", np.array(7, dtype=np.int64)),
        ("ptr", "I64", np.array([3], dtype=np.int64)),
        ("net.conv.weight", "F32", np.ascontiguousarray(conv.transpose(0, 3, 1, 2))),
        ("net.fc.bias", "F32", formula((5,), 4)),
        ("queue", "F32", np.ascontiguousarray(formula((6, 2), 5).T)),
        ("bytes", "U8", np.array([1, 2, 3], dtype=np.uint8)),
    ]
    header, place = {"__metadata__": {"format_version": "1"}}, 0
    for name, dtype, array in parts:
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [place, place + array.nbytes]}
        place += array.nbytes
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path("nn.ours.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for _, _, array in parts))

    read = load_file(path("nn.ours.safetensors"))
    assert set(read) == {name for name, _, _ in parts}
    for name, _, array in parts:
        assert read[name].numpy().dtype == array.dtype and np.array_equal(read[name].numpy(), array), name
    with safe_open(path("nn.ours.safetensors"), "np") as file:
        assert file.metadata() == {"format_version": "1"}


def npy():
    np.save(path("nn.matrix.npy"), formula((3, 4), 6))
    np.save(path("nn.labels.npy"), np.array([5, -1, 2**40], dtype=np.int64))


if __name__ == "__main__":
    foreign()
    ours()
    npy()

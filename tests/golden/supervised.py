"""Ten steps of supervised training from given weights, images and labels, with one batch norm split and with two.

A narrow ResNet-18 with a linear classifier learns by mean cross-entropy and SGD. The rest is as in moco.py: weights and
images by formula, the f64 run stored, losses held to 1e-4, weights, momenta and statistics held to twice what PyTorch's
own f32 runs differ from the f64 run (or to the 1e-5 of the ops if that is more), and of several sets of images the one
that the f32 runs follow best. Both cases are in one pack; each entry's name starts with its case.
"""
import functools

import numpy as np
import torch
import torch.nn.functional as F

from moco import CHANNELS, MOMENTUM, N, STEPS, WEIGHT_DECAY, WIDTH, images, learning_rate
from nn import Network, fill, ours
from pack import save_pack
from steps import golden

CLASSES = 10
GROUPS = ["parameters", "buffers", "momenta"]


def labels(step):
    """All classes occur, some more often: enough to be learnt from noise, so that some predictions are correct."""
    n = torch.arange(N)
    return n * (n + step) % CLASSES


def run(splits, salt, dtype, memory_format=torch.contiguous_format):
    net = Network("resnet18", WIDTH, "cifar", CHANNELS, splits)
    net.fc = torch.nn.Linear(8 * WIDTH, CLASSES)
    fill(net)
    net.to(dtype).to(memory_format=memory_format)
    optimizer = torch.optim.SGD(net.parameters(), 1.0, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    losses, corrects = [], []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = learning_rate(step)
        logits = net(images(salt + step, dtype, memory_format))
        loss = F.cross_entropy(logits, labels(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        corrects.append((logits.argmax(1) == labels(step)).sum().item())
    return {
        "losses": np.array(losses),
        "corrects": np.array(corrects),
        "parameters": [ours(p) for p in net.parameters()],
        "buffers": [ours(b) for b in net.buffers() if b.dtype == dtype],
        "momenta": [ours(optimizer.state[p]["momentum_buffer"]) for p in net.parameters()],
    }


def case(name, splits, salts):
    arrays, _ = golden(name, functools.partial(run, splits), GROUPS, salts)
    return {f"{name}.{key}": value for key, value in arrays.items()}


if __name__ == "__main__":
    torch.set_num_threads(2)
    one_split = case("one_split", 1, range(3000, 3800, 100))
    two_splits = case("two_splits", 2, range(4000, 4800, 100))
    save_pack("supervised", one_split | two_splits)

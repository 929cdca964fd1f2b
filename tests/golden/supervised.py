"""Ten steps of supervised training from given weights, images and labels, with one batch norm split and with two.

A narrow ResNet-18 with a linear classifier learns by mean cross-entropy and SGD. The rest is as in moco.py: weights and
images by formula, the f64 run stored, losses held to 1e-4, weights, momenta and statistics held to twice what PyTorch's
own f32 runs differ from the f64 run (or to the 1e-5 of the ops if that is more), and of several sets of images the one
that the f32 runs follow best. Both cases are in one pack; each entry's name starts with its case.
"""
import numpy as np
import torch
import torch.nn.functional as F

from moco import CHANNELS, MOMENTUM, N, SAMPLES, STEPS, WEIGHT_DECAY, WIDTH, error, images, learning_rate
from nn import Network, fill, ours, rms, sample
from pack import save_pack

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


def f32_runs(splits, salt):
    runs = [run(splits, salt, torch.float32), run(splits, salt, torch.float32, torch.channels_last)]
    with torch.backends.mkldnn.flags(enabled=False):
        runs.append(run(splits, salt, torch.float32))
    return runs


def golden(case, splits, salts):
    best = None
    for salt in salts:
        exact = run(splits, salt, torch.float64)
        runs = f32_runs(splits, salt)
        loss_error = max(np.abs(r["losses"] - exact["losses"]).max() for r in runs)
        errors = {g: max(error(r[g], exact[g]) for r in runs) for g in GROUPS}
        agree = all((r["corrects"] == exact["corrects"]).all() for r in runs)
        print(salt, f"loss {loss_error:.1e}", agree, {g: f"{e:.1e}" for g, e in errors.items()})
        if agree and (best is None or max(errors.values()) < best[0]):
            best = (max(errors.values()), salt, exact, errors)
    _, salt, exact, errors = best
    print(f"{case}: images of salt {salt}; losses {exact['losses'].round(4)}; correct {exact['corrects']}")
    arrays = {
        "salt": salt,
        "losses": exact["losses"],
        "corrects": exact["corrects"],
        "bounds": [max(2 * errors[g], 1e-5) for g in GROUPS],
    }
    for g in GROUPS:
        arrays[g + "_rms"] = [rms(t) for t in exact[g]]
        arrays[g] = np.concatenate([sample(t, SAMPLES) for t in exact[g]])
    return {f"{case}.{key}": value for key, value in arrays.items()}


if __name__ == "__main__":
    torch.set_num_threads(2)
    one_split = golden("one_split", 1, range(3000, 3800, 100))
    two_splits = golden("two_splits", 2, range(4000, 4800, 100))
    save_pack("supervised", one_split | two_splits)

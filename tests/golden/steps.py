"""What the scripts of whole steps share: the f64 run that PyTorch's f32 runs follow best, and its bounds.

A run is a function (salt of the images, dtype, memory format) -> {"losses", "corrects", and a list of arrays for each group
of tensors}.
"""
import numpy as np
import torch

from nn import rms, sample

SAMPLES = 16  # of each parameter, momentum and running statistic


def error(got, exact):
    """The worst element of a group of tensors, relative to its tensor's RMS."""
    return max(np.abs(g - e).max() / rms(e) for g, e in zip(got, exact))


def f32_runs(run, salt):
    runs = [run(salt, torch.float32, torch.contiguous_format), run(salt, torch.float32, torch.channels_last)]
    with torch.backends.mkldnn.flags(enabled=False):
        runs.append(run(salt, torch.float32, torch.contiguous_format))
    return runs


def golden(name, run, groups, salts, whole=()):
    """The arrays to store of the best salt, and the run itself; of the groups in `whole` every element."""
    best = None
    for salt in salts:
        exact = run(salt, torch.float64, torch.contiguous_format)
        runs = f32_runs(run, salt)
        loss_error = max(np.abs(r["losses"] - exact["losses"]).max() for r in runs)
        errors = {g: max(error(r[g], exact[g]) for r in runs) for g in groups}
        agree = all((r["corrects"] == exact["corrects"]).all() for r in runs)
        print(salt, f"loss {loss_error:.1e}", agree, {g: f"{e:.1e}" for g, e in errors.items()})
        if agree and (best is None or max(errors.values()) < best[0]):
            best = (max(errors.values()), salt, exact, errors)
    _, salt, exact, errors = best
    print(f"{name}: images of salt {salt}; losses {exact['losses'].round(4)}; correct {exact['corrects']}")
    arrays = {
        "salt": salt,
        "losses": exact["losses"],
        "corrects": exact["corrects"],
        "bounds": [max(2 * errors[g], 1e-5) for g in groups],
    }
    for g in groups:
        arrays[g + "_rms"] = [rms(t) for t in exact[g]]
        arrays[g] = np.concatenate([sample(t, t.size if g in whole else SAMPLES) for t in exact[g]])
    return arrays, exact

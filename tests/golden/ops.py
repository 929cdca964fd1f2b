"""Every op against PyTorch: value and gradients, computed in f64.

Inputs are formula(shape, salt, factor) with salt 1, 2, ... by position, the gradient given to the result is
formula(shape, 77): the same as OpCase in tests/support/op_case.h. Images are N,H,W,C, weights O,H,W,I.
"""
import numpy as np
import torch
import torch.nn.functional as F

from formula import formula
from pack import save_pack

results = {}


def inputs_of(specs):
    """specs: name -> (shape,) or (shape, factor); returns name -> f64 leaf."""
    leaves = {}
    for position, (name, spec) in enumerate(specs.items()):
        shape, factor = (*spec, 1.0)[:2]
        values = formula(shape, position + 1, factor)
        leaves[name] = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    return leaves


def case(name, specs, op):
    """Stores op's value and the gradient of each input."""
    leaves = inputs_of(specs)
    y = op(*leaves.values())
    dy = torch.tensor(formula(tuple(y.shape), 77), dtype=torch.float64)
    gradients = torch.autograd.grad(y, list(leaves.values()), dy)
    results[f"{name}.y"] = y.detach()
    for leaf, gradient in zip(leaves, gradients):
        results[f"{name}.d{leaf}"] = gradient


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def conv2d(stride, pad):
    return lambda x, weight: nhwc(F.conv2d(nchw(x), nchw(weight), stride=stride, padding=pad))


def conv_case(name, N, H, W, IC, OC, K, stride, pad):
    case(name, {"x": ((N, H, W, IC),), "weight": ((OC, K, K, IC),)}, conv2d(stride, pad))


def batch_norm(running, splits=1, training=True):
    """Of N,H,W,C, in `splits` interleaved splits as MoCo's demo does: N,C,H,W seen as N/S, S*C, H, W."""

    def op(x, gamma, beta):
        N, H, W, C = x.shape
        if not training:
            return nhwc(F.batch_norm(nchw(x), *running, gamma, beta, False, 0.1, 1e-5))
        mean, var = (r.repeat(splits) for r in running)
        folded = nchw(x).reshape(N // splits, splits * C, H, W)
        y = F.batch_norm(folded, mean, var, gamma.repeat(splits), beta.repeat(splits), True, 0.1, 1e-5)
        running[0] = mean.view(splits, C).mean(0)
        running[1] = var.view(splits, C).mean(0)
        return nhwc(y.reshape(N, C, H, W))

    return op


def batch_norm_case(name, shape, splits=1, relu=False, residual=False, weight=None, conv=None):
    """weight: the shape of a convolution's weight before the batch norm, conv: its stride and pad."""
    C = weight[0] if weight else shape[3]
    running = [torch.tensor(formula((C,), 60), dtype=torch.float64),
               torch.tensor(formula((C,), 61, 0.5) + np.float32(1), dtype=torch.float64)]
    norm = batch_norm(running, splits)

    def op(x, *rest):
        rest = list(rest)
        z = conv2d(*conv)(x, rest.pop(0)) if weight else x
        y = norm(z, rest.pop(0), rest.pop(0))
        if residual:
            y = y + rest.pop(0)
        if relu:  # on a kink, f32 and f64 could differ in the mask
            assert y.abs().min() > 1e-5, f"{name}: choose other inputs"
        return F.relu(y) if relu else y

    specs = {"x": (shape,)}
    y_shape = shape
    if weight:
        specs["weight"] = (weight,)
        extent = [(n + 2 * conv[1] - k) // conv[0] + 1 for n, k in zip(shape[1:3], weight[1:3])]
        y_shape = (shape[0], *extent, C)
    specs |= {"gamma": ((C,),), "beta": ((C,),)}
    if residual:
        specs["residual"] = (y_shape,)
    case(name, specs, op)
    results[f"{name}.running_mean"], results[f"{name}.running_var"] = running


def batch_norm_eval_case(name, shape):
    C = shape[3]
    leaves = inputs_of({"x": (shape,), "gamma": ((C,),), "beta": ((C,),), "residual": (shape,)})
    running = [torch.tensor(formula((C,), 60), dtype=torch.float64),
               torch.tensor(formula((C,), 61, 0.5) + np.float32(1), dtype=torch.float64)]
    y = batch_norm(running, training=False)(leaves["x"], leaves["gamma"], leaves["beta"])
    results[f"{name}.y"] = F.relu(y + leaves["residual"]).detach()


def max_pool_ties():
    x = torch.tensor(np.round(formula((2, 7, 6, 5), 1, 2.0)), dtype=torch.float64, requires_grad=True)
    y = nhwc(F.max_pool2d(nchw(x), 3, 2, 1))
    dy = torch.tensor(formula(tuple(y.shape), 77), dtype=torch.float64)
    results["max_pool_ties.x"], results["max_pool_ties.y"] = x.detach(), y.detach()
    results["max_pool_ties.dx"], = torch.autograd.grad(y, [x], dy)


def targets(rows, classes):
    return torch.arange(rows) * 5 % classes


def info_nce(queue, T):
    """Algorithm 1 of the paper: logits = [positive, negatives] / T, class 0."""

    def op(q, k):
        l_pos = torch.einsum("nc,nc->n", q, k).unsqueeze(-1)
        l_neg = torch.einsum("nc,kc->nk", q, queue)
        logits = torch.cat([l_pos, l_neg], dim=1) / T
        op.correct = (logits.argmax(dim=1) == 0).sum()
        return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.int64))

    return op


def info_nce_case(name, N, C, K, T):
    factor = np.sqrt(np.float32(3) / np.float32(C))  # rows of about unit length
    queue = torch.tensor(formula((K, C), 50, factor), dtype=torch.float64)
    op = info_nce(queue, T)
    case(name, {"q": ((N, C), factor), "k": ((N, C), factor)}, op)
    results[f"{name}.correct"] = op.correct


case("relu", {"x": ((2, 3, 5, 7),)}, F.relu)
case("add", {"a": ((2, 3, 5, 7),), "b": ((2, 3, 5, 7),)}, torch.add)
case("scale", {"x": ((4, 9),)}, lambda x: x * float(np.float32(1) / np.float32(0.07)))
conv_case("conv2d_3x3", 2, 7, 6, 3, 8, 3, 1, 1)
conv_case("conv2d_3x3_stride2", 2, 7, 6, 5, 4, 3, 2, 1)
conv_case("conv2d_7x7_stride2", 1, 11, 9, 3, 4, 7, 2, 3)
conv_case("conv2d_1x1_stride2", 2, 5, 4, 6, 7, 1, 2, 0)
case("max_pool", {"x": ((2, 7, 6, 5),)}, lambda x: nhwc(F.max_pool2d(nchw(x), 3, 2, 1)))
max_pool_ties()
case("global_avg_pool", {"x": ((2, 7, 6, 5),)}, lambda x: F.adaptive_avg_pool2d(nchw(x), 1).flatten(1))
case("matmul", {"a": ((5, 6),), "b": ((6, 7),)}, torch.matmul)
case("matmul_transposed", {"a": ((5, 6),), "b": ((7, 6),)}, lambda a, b: a @ b.T)
case("linear", {"x": ((5, 7),), "weight": ((6, 7),), "bias": ((6,),)}, F.linear)
case("l2_normalize", {"x": ((5, 7),)}, F.normalize)
case("l2_normalize_zero", {"x": ((2, 7), 0.0)}, F.normalize)
case("row_dot", {"a": ((5, 7),), "b": ((5, 7),)}, lambda a, b: torch.einsum("nc,nc->n", a, b).unsqueeze(-1))
case("concat_columns", {"a": ((5, 1),), "b": ((5, 6),)}, lambda a, b: torch.cat([a, b], dim=1))
case("cross_entropy", {"logits": ((6, 9), 5.0)}, lambda logits: F.cross_entropy(logits, targets(6, 9)))
info_nce_case("info_nce", 6, 16, 40, 0.2)
info_nce_case("info_nce_cold", 5, 16, 33, 0.07)
batch_norm_case("batch_norm", (4, 3, 5, 6))
batch_norm_case("batch_norm_splits", (8, 3, 2, 6), splits=4)
batch_norm_case("batch_norm_residual_relu", (6, 3, 2, 5), splits=2, relu=True, residual=True)
batch_norm_eval_case("batch_norm_eval", (2, 3, 4, 5))
batch_norm_case("conv_bn", (4, 5, 6, 3), splits=2, relu=True, weight=(7, 3, 3, 3), conv=(2, 1))
batch_norm_case("conv_bn_residual", (2, 5, 4, 6), residual=True, relu=True, weight=(5, 3, 3, 6), conv=(1, 1))
save_pack("ops", results)

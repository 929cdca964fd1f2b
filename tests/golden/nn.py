"""Whole networks against torchvision: features, gradients, statistics; names of all parameters; SGD.

Weights, images and targets come from formula.py, in our layouts (images N,H,W,C, weights O,H,W,I). What is stored was
computed in f64. For the gradients the bound is stored as well: twice what PyTorch's own f32 runs (its default kernels,
the same in channels-last memory, and its kernels without oneDNN) differ from the f64 run, because ReLU masks flip where
the input of a ReLU is nearer to zero than its rounding error. The networks therefore get the images, out of eight sets,
that keep those inputs farthest from zero: no mask flips there, and the bound is tight. Only the wide ResNet-50 has too
many ReLUs for that: some of its masks flip in any f32 run, so its bound takes runs over several orders of the channels, too.
"""
import os

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from formula import formula
from pack import HERE, save_pack

BLOCKS = {
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
    "resnet101": (Bottleneck, [3, 4, 23, 3]),
    "resnet152": (Bottleneck, [3, 8, 36, 3]),
}
CLASSES = 16
SAMPLES = 64  # of each gradient
BUFFER_SAMPLES = 8  # of each running statistic


class SplitBatchNorm(torch.nn.BatchNorm2d):
    """Sample n is normalised with split n mod S; the running statistics are the mean of what each split would make."""

    splits = 1

    def forward(self, x):
        if not self.training or self.splits == 1:
            return super().forward(x)
        S = self.splits
        self.num_batches_tracked += 1
        means, variances = self.running_mean.repeat(S), self.running_var.repeat(S)
        folded = x.reshape(x.shape[0] // S, S * x.shape[1], *x.shape[2:])
        y = F.batch_norm(folded, means, variances, self.weight.repeat(S), self.bias.repeat(S), True, self.momentum, self.eps)
        self.running_mean.copy_(means.view(S, -1).mean(0))
        self.running_var.copy_(variances.view(S, -1).mean(0))
        return y.reshape(x.shape)


class Network(ResNet):
    """torchvision's ResNet with any width, stem, input channels and head."""

    def __init__(self, arch, width, stem, channels, splits):
        torch.nn.Module.__init__(self)
        block, counts = BLOCKS[arch]
        self._norm_layer = type("Norm", (SplitBatchNorm,), {"splits": splits})
        self.inplanes, self.dilation, self.groups, self.base_width = width, 1, 1, 64
        kernel, stride = {"imagenet": (7, 2), "cifar": (3, 1), "cifar-s2": (3, 2)}[stem]
        self.conv1 = torch.nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
        self.bn1 = self._norm_layer(width)
        self.relu = torch.nn.ReLU()
        self.maxpool = torch.nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else torch.nn.Identity()
        for i, count in enumerate(counts):
            setattr(self, f"layer{i + 1}", self._make_layer(block, width << i, count, stride=1 if i == 0 else 2))
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        d = (width << 3) * block.expansion
        self.fc = torch.nn.Sequential(torch.nn.Linear(d, d), torch.nn.ReLU(), torch.nn.Linear(d, CLASSES))

    def features(self, x):
        head, self.fc = self.fc, torch.nn.Identity()
        try:
            return self._forward_impl(x)
        finally:
            self.fc = head


def fill(net):
    """Kaiming-sized weights, gamma near 1, beta and biases near 0; parameter number i has salt 100 + i.

    The last gamma of each block is near 1/4: with 1, the f32 features of ResNet-50 in PyTorch itself are off by 2e-4.
    """
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            salt = 100 + i
            if p.dim() == 4:
                O, I, H, W = p.shape
                factor = np.float32(np.sqrt(6.0 / (O * H * W)))
                value = formula((O, H, W, I), salt, factor).transpose(0, 3, 1, 2)
            elif p.dim() == 2:
                value = formula(tuple(p.shape), salt, np.float32(1.0 / np.sqrt(p.shape[1])))
            else:
                value = formula(tuple(p.shape), salt, 0.1)
            p.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight += 1
        for module in net.modules():
            if isinstance(module, (BasicBlock, Bottleneck)):
                (module.bn3 if isinstance(module, Bottleneck) else module.bn2).weight *= 0.25


def ours(tensor):
    """A tensor's elements in our order, flat: O,I,H,W becomes O,H,W,I."""
    array = tensor.detach().contiguous().double().numpy()
    return (array.transpose(0, 2, 3, 1) if array.ndim == 4 else array).ravel()


def sample(flat, count):
    """`count` elements (or all), spread by a hash of their number; nn/resnet_golden.h draws the same."""
    if flat.size <= count:
        return flat
    return flat[[j * 2654435761 % flat.size for j in range(count)]]


def build(case, salt, dtype, channels_last=False):
    arch, width, stem, size, batch, channels, splits = case
    net = Network(arch, width, stem, channels, splits)
    fill(net)
    images = torch.from_numpy(formula((batch, size, size, channels), salt)).permute(0, 3, 1, 2).contiguous()
    net, images = net.to(dtype), images.to(dtype)
    if channels_last:
        net, images = net.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    return net, images


def margin(case, salt):
    """How far the inputs of the ReLUs stay from zero, in units of their layer's largest f32 error; the worst layer."""
    inputs = []
    for dtype in (torch.float64, torch.float32):
        net, images = build(case, salt, dtype)
        seen = []
        for module in net.modules():
            if isinstance(module, torch.nn.ReLU):
                module.register_forward_pre_hook(lambda _, x, seen=seen: seen.append(x[0].detach().double().clone()))
        with torch.no_grad():
            net(images)
        inputs.append(seen)
    return min((exact.abs().min() / (exact - got).abs().max()).item() for exact, got in zip(*inputs))


def run(case, salt, dtype, channels_last=False, order=0):
    """One training pass: features, loss, gradients, buffers, and the features in eval mode afterwards.

    The images' channels are rotated by `order`, and the stem's with them: other roundings of the same function.
    """
    net, images = build(case, salt, dtype, channels_last)
    images, targets = images.roll(order, 1), torch.arange(len(images)) % CLASSES
    with torch.no_grad():
        net.conv1.weight.copy_(net.conv1.weight.roll(order, 1))
    features = net.features(images)
    loss = F.cross_entropy(net.fc(features), targets)
    loss.backward()
    net.eval()
    with torch.no_grad():
        evaluated = net.features(images)
        net.conv1.weight.grad = net.conv1.weight.grad.roll(-order, 1)
    floats = [b for b in net.buffers() if b.dtype == dtype]
    return {
        "features": ours(features).reshape(features.shape),
        "eval_features": ours(evaluated).reshape(features.shape),
        "loss": np.float64(loss.item()),
        "gradients": [ours(p.grad) for p in net.parameters()],
        "buffers": [ours(b) for b in floats],
    }


def rms(x):
    return np.sqrt(np.mean(np.square(x)))


def gradient_errors(got, exact):
    """Relative to each gradient's RMS: the worst element, the RMS over all gradients, the worst norm."""
    errors = [(g - e) / rms(e) for g, e in zip(got, exact)]
    norms = [abs(np.linalg.norm(g) / np.linalg.norm(e) - 1) for g, e in zip(got, exact)]
    return np.array([max(np.abs(e).max() for e in errors), np.sqrt(np.mean([np.mean(e * e) for e in errors])), max(norms)])


def network(name, *case, salts=range(1, 9), orders=1):
    margins = {salt: margin(case, salt) for salt in salts}
    salt = max(margins, key=margins.get)
    print(f"{name}: images of salt {salt}, margin {margins[salt]:.3f}")
    exact = run(case, salt, torch.float64)
    runs = []
    for order in range(orders):
        runs += [run(case, salt, torch.float32, False, order), run(case, salt, torch.float32, True, order)]
        with torch.backends.mkldnn.flags(enabled=False):
            runs.append(run(case, salt, torch.float32, False, order))
    errors = [gradient_errors(r["gradients"], exact["gradients"]) for r in runs]
    for r, e in zip(runs, errors):
        print("  f32 features", np.abs(r["features"] - exact["features"]).max() / rms(exact["features"]),
              "eval", np.abs(r["eval_features"] - exact["eval_features"]).max() / rms(exact["eval_features"]), "gradients", e)
    save_pack(name, {
        "salt": salt,
        "features": exact["features"],
        "eval_features": exact["eval_features"],
        "loss": exact["loss"],
        "gradient_rms": [rms(g) for g in exact["gradients"]],
        "gradient_samples": np.concatenate([sample(g, SAMPLES) for g in exact["gradients"]]),
        "gradient_bounds": 2 * np.max(errors, axis=0),
        "buffer_rms": [rms(b) for b in exact["buffers"]],
        "buffer_samples": np.concatenate([sample(b, BUFFER_SAMPLES) for b in exact["buffers"]]),
    })


def names():
    """The state of each architecture without its classifier: "= arch", then a line "parameter|buffer name extents..." each."""
    with open(os.path.join(HERE, "nn.names.txt"), "w") as out:
        for arch in BLOCKS:
            net = getattr(torchvision.models, arch)(num_classes=1)
            out.write(f"= {arch}\n")
            for kind, tensors in (("parameter", net.named_parameters()), ("buffer", net.named_buffers())):
                for name, tensor in tensors:
                    if not name.startswith("fc."):
                        out.write(" ".join([kind, name, *map(str, tensor.shape)]) + "\n")


def sgd():
    """Six steps of torch.optim.SGD on two parameters; gradients by formula, a rate that changes."""
    shapes, arrays = [(5, 7), (3,)], {}
    w = [torch.from_numpy(formula(s, 10 + i)).double().requires_grad_() for i, s in enumerate(shapes)]
    optimizer = torch.optim.SGD(w, lr=1.0, momentum=0.9, weight_decay=5e-4)
    for step in range(6):
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
        for i, p in enumerate(w):
            p.grad = torch.from_numpy(formula(shapes[i], 20 + 2 * step + i)).double()
        optimizer.step()
        if step in (0, 5):
            for i, p in enumerate(w):
                arrays[f"w{i}_after{step + 1}"] = p.detach().numpy().copy()
                arrays[f"v{i}_after{step + 1}"] = optimizer.state[p]["momentum_buffer"].numpy().copy()
    save_pack("nn.sgd", arrays)


if __name__ == "__main__":
    torch.set_num_threads(2)
    names()
    sgd()
    #                             arch        width  stem     size batch channels splits
    network("nn.resnet18_narrow", "resnet18", 16, "imagenet", 64, 4, 3, 1)
    network("nn.resnet50_narrow", "resnet50", 8, "imagenet", 64, 4, 3, 1)
    network("nn.resnet34_cifar", "resnet34", 8, "cifar", 16, 8, 3, 1)
    network("nn.resnet18_splits", "resnet18", 16, "cifar-s2", 28, 16, 1, 4)
    network("nn.resnet18", "resnet18", 64, "imagenet", 64, 4, 3, 1)
    network("nn.resnet50", "resnet50", 64, "imagenet", 64, 4, 3, 1, salts=[1], orders=3)

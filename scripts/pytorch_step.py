#!/usr/bin/env python3
"""One MoCo v2 training step in PyTorch on the CPU, timed: the other side of `moco bench step` (scripts/compare-pytorch).

The work is the reference implementation's, statement by statement: queries, momentum update, keys without gradient,
logits against a clone of the queue, cross-entropy, backward, SGD, enqueue. Images are random. Prints one JSON object.
"""
import argparse
import json
import resource
import time

import torch
from torch import nn
import torch.nn.functional as F
from torchvision.models import resnet

LAYERS = {
    "resnet18": (resnet.BasicBlock, [2, 2, 2, 2]),
    "resnet34": (resnet.BasicBlock, [3, 4, 6, 3]),
    "resnet50": (resnet.Bottleneck, [3, 4, 6, 3]),
    "resnet101": (resnet.Bottleneck, [3, 4, 23, 3]),
    "resnet152": (resnet.Bottleneck, [3, 8, 36, 3]),
}
PHASES = ("query", "key", "loss", "backward", "update")
WARM_UP = 2


class Encoder(resnet.ResNet):
    """torchvision's ResNet with `width` channels in its first stage, a choice of stems, and MoCo v2's head."""

    def __init__(self, arch, width, stem, dim=128):
        nn.Module.__init__(self)
        block, layers = LAYERS[arch]
        self._norm_layer, self.groups, self.base_width, self.dilation = nn.BatchNorm2d, 1, 64, 1
        self.inplanes = width
        if stem == "imagenet":
            self.conv1, self.maxpool = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1)
        else:
            self.conv1 = nn.Conv2d(3, width, 3, 2 if stem == "cifar-s2" else 1, 1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1, self.relu = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        for stage, blocks in enumerate(layers):
            stride = 1 if stage == 0 else 2
            setattr(self, f"layer{stage + 1}", self._make_layer(block, width << stage, blocks, stride))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        features = 8 * width * block.expansion
        self.fc = nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, dim))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--arch", choices=LAYERS, default="resnet50")
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage")
    parser.add_argument("--stem", choices=("imagenet", "cifar", "cifar-s2"), default="imagenet")
    parser.add_argument("--size", type=int, default=224, help="side of the images, pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--queue", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=8, help=f"{WARM_UP} of them to warm up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32", help="bf16: autocast")
    parser.add_argument("--compile", action="store_true", help="torch.compile both encoders")
    return parser.parse_args()


class Moco:
    def __init__(self, args, T=0.2, m=0.999, dim=128):
        self.T, self.m = T, m
        self.bf16 = args.precision == "bf16"
        self.f_q = Encoder(args.arch, args.width, args.stem).to(memory_format=torch.channels_last)
        self.f_k = Encoder(args.arch, args.width, args.stem).to(memory_format=torch.channels_last)
        self.f_k.load_state_dict(self.f_q.state_dict())
        self.f_k.requires_grad_(False)
        self.forward_q, self.forward_k = self.f_q, self.f_k
        if args.compile:
            self.forward_q, self.forward_k = torch.compile(self.f_q), torch.compile(self.f_k)
        self.queue, self.pointer = F.normalize(torch.randn(dim, args.queue), dim=0), 0
        self.sgd = torch.optim.SGD(self.f_q.parameters(), 0.03, momentum=0.9, weight_decay=1e-4)

    @torch.no_grad()
    def keys(self, x_k):
        for p_q, p_k in zip(self.f_q.parameters(), self.f_k.parameters()):
            p_k.data = p_k.data * self.m + p_q.data * (1 - self.m)
        return F.normalize(self.forward_k(x_k).float(), dim=1)

    def loss(self, q, k):
        positive = torch.einsum("nc,nc->n", q, k).unsqueeze(-1)
        negative = torch.einsum("nc,ck->nk", q, self.queue.clone().detach())
        logits = torch.cat([positive, negative], dim=1) / self.T
        return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))

    def step(self, x_q, x_k):
        """Returns the times at which the phases began, and the end."""
        times = [time.perf_counter()]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            q = F.normalize(self.forward_q(x_q).float(), dim=1)
            times.append(time.perf_counter())
            k = self.keys(x_k)
            times.append(time.perf_counter())
            loss = self.loss(q, k)
        times.append(time.perf_counter())
        self.sgd.zero_grad()
        loss.backward()
        times.append(time.perf_counter())
        self.sgd.step()
        self.queue[:, self.pointer:self.pointer + len(k)] = k.T
        self.pointer = (self.pointer + len(k)) % self.queue.shape[1]
        times.append(time.perf_counter())
        return times


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    moco = Moco(args)
    x_q, x_k = (
        torch.randn(args.batch, 3, args.size, args.size).contiguous(memory_format=torch.channels_last)
        for _ in range(2)
    )
    times = [moco.step(x_q, x_k) for _ in range(args.steps)][WARM_UP:]
    steps = sorted(step[-1] - step[0] for step in times)
    median = steps[len(steps) // 2]
    phases = {
        name: 1e3 * sum(step[i + 1] - step[i] for step in times) / len(times) for i, name in enumerate(PHASES)
    }
    print(json.dumps({
        "torch": torch.__version__,
        "threads": args.threads,
        "steps": len(steps),
        "median_ms": 1e3 * median,
        "images_per_s": args.batch / median,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "phases_ms": phases,
    }, indent=2))


if __name__ == "__main__":
    main()

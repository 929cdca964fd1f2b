#!/usr/bin/env python3
"""What is done with labels, in PyTorch on the CPU, timed: the other side of `moco bench classifier`.

A step of supervised training, of fine-tuning with frozen batch norm, of a linear probe, or a forward pass in evaluation
mode (features), on random images. Prints one JSON object.
"""
import argparse
import json
import resource
import time

import torch
from torch import nn
import torch.nn.functional as F

from pytorch_step import Encoder, LAYERS

WARM_UP = 2


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--what", choices=("supervised", "finetune", "probe", "features"), default="supervised")
    parser.add_argument("--arch", choices=LAYERS, default="resnet50")
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage")
    parser.add_argument("--stem", choices=("imagenet", "cifar", "cifar-s2"), default="imagenet")
    parser.add_argument("--size", type=int, default=224, help="side of the images, pixels")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=8, help=f"{WARM_UP} of them to warm up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32", help="bf16: autocast")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    return parser.parse_args()


def make_step(args):
    net = Encoder(args.arch, args.width, args.stem)
    features = net.fc[0].in_features
    fc = nn.Linear(features, args.classes)
    net.fc = nn.Identity()
    net = net.to(memory_format=torch.channels_last)
    frozen = args.what in ("probe", "features")
    net.train(args.what == "supervised")
    net.requires_grad_(not frozen)
    forward = torch.compile(net) if args.compile else net
    x = torch.randn(args.batch, 3, args.size, args.size).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(args.batch) * 7 % args.classes
    parameters = list(fc.parameters()) + ([] if frozen else list(net.parameters()))
    sgd = torch.optim.SGD(parameters, 0.01, momentum=0.9, weight_decay=0 if frozen else 1e-4)

    def pool():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
            return forward(x).float()

    def take_features():
        with torch.inference_mode():
            pool()

    def train():
        if frozen:
            with torch.no_grad():
                pooled = pool()
        else:
            pooled = pool()
        loss = F.cross_entropy(fc(pooled), labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()

    return take_features if args.what == "features" else train


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    step = make_step(args)
    times = []
    for _ in range(args.steps):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    times = sorted(times[WARM_UP:])
    median = times[len(times) // 2]
    print(json.dumps({
        "torch": torch.__version__,
        "threads": args.threads,
        "steps": len(times),
        "median_ms": 1e3 * median,
        "images_per_s": args.batch / median,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }, indent=2))


if __name__ == "__main__":
    main()

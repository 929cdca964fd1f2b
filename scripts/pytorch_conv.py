#!/usr/bin/env python3
"""PyTorch's convolutions on the CPU, pass by pass: the other side of `moco bench conv` (scripts/compare-pytorch).

--shapes is a JSON list of {N, H, W, IC, OC, KH, KW, stride, pad}. Prints a JSON list of {"F": ms, "D": ms, "W": ms}:
forward, backward data, backward weight, each the best of the repeats.
"""
import argparse
import json
import time

import torch


def best_ms(work, repeats):
    work()
    work()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return 1e3 * min(seconds)


def passes(shape, dtype, repeats):
    d = argparse.Namespace(**shape)
    last = torch.channels_last
    x = torch.randn(d.N, d.IC, d.H, d.W, dtype=dtype).contiguous(memory_format=last)
    weight = torch.randn(d.OC, d.IC, d.KH, d.KW, dtype=dtype).contiguous(memory_format=last)
    forward = lambda: torch.nn.functional.conv2d(x, weight, stride=d.stride, padding=d.pad)
    dy = torch.randn_like(forward())

    def backward(to_x, to_weight):
        torch.ops.aten.convolution_backward(dy, x, weight, None, [d.stride] * 2, [d.pad] * 2, [1, 1], False, [0, 0], 1,
                                            [to_x, to_weight, False])

    return {
        "F": best_ms(forward, repeats),
        "D": best_ms(lambda: backward(True, False), repeats),
        "W": best_ms(lambda: backward(False, True), repeats),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", type=json.loads, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
    with torch.no_grad():
        print(json.dumps([passes(shape, dtype, args.repeats) for shape in args.shapes]))


if __name__ == "__main__":
    main()

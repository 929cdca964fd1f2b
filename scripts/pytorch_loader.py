#!/usr/bin/env python3
"""torchvision's data path on one core: the other side of `moco bench loader` (scripts/compare-pytorch).

Reads JPEGs of a folder and makes MoCo v2's two views of each, as the reference implementation's main_moco.py does: PIL
images, RandomResizedCrop, ColorJitter, RandomGrayscale, GaussianBlur, flip, ToTensor, Normalize. Prints one JSON object.
"""
import argparse
import json
import random
import time
from pathlib import Path

import torch
from PIL import Image, ImageFilter
from torchvision import transforms


class GaussianBlur:
    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))


def v2_view(size):
    return transforms.Compose([
        transforms.RandomResizedCrop(size, scale=(0.2, 1.0)),
        transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        transforms.RandomGrayscale(p=0.2),
        transforms.RandomApply([GaussianBlur()], p=0.5),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of JPEGs")
    parser.add_argument("--size", type=int, default=224, help="side of the views, pixels")
    parser.add_argument("--images", type=int, default=256, help="how many to time, going round")
    args = parser.parse_args()
    files = sorted(path for path in args.data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not files:
        raise SystemExit(f"pytorch_loader.py: {args.data} holds no .jpg or .jpeg files")
    torch.set_num_threads(1)
    random.seed(0)
    torch.manual_seed(0)
    view = v2_view(args.size)

    def load(i):
        with open(files[i % len(files)], "rb") as file:
            image = Image.open(file).convert("RGB")
        return view(image), view(image)

    for i in range(8):
        load(i)
    began = time.perf_counter()
    for i in range(args.images):
        load(i)
    print(json.dumps({"images_per_s": args.images / (time.perf_counter() - began)}))


if __name__ == "__main__":
    main()

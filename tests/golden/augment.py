"""Augmentation operators by torchvision, on float tensors in [0, 1]: cases with their parameters, and what comes out.

Writes augment.json (the cases, which the test applies) and augment.npy/.txt (the expected views, H x W x C; of large ones
every `stride`-th pixel)."""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.transforms.v2 import functional as T

from formula import formula
from pack import HERE, save_pack

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def image_of(case):
    """C x H x W in [0, 1], from the same bytes that the test makes: noise, or only four levels, so that channels tie."""
    values = formula((case["H"], case["W"], case["C"]), case["salt"])
    u8 = ((values + 1) * np.float32(127.99)).astype(np.uint8)
    if case.get("levels"):
        u8 = u8 // 64 * 85
    return torch.from_numpy(u8.astype(np.float64) / 255).permute(2, 0, 1).float()


def crop(case, x):
    size, (left, top, width, height) = case["size"], case["crop"]
    if case["sampling"] == "antialias":
        return T.resized_crop(x, top, left, height, width, [size, size], antialias=True)
    # The window in grid_sample's coordinates, where -1 and 1 are the image's edges.
    H, W = x.shape[1:]
    theta = torch.tensor([[[width / W, 0, (2 * left + width) / W - 1], [0, height / H, (2 * top + height) / H - 1]]],
                         dtype=torch.float64)
    grid = F.affine_grid(theta, (1, x.shape[0], size, size), align_corners=False)
    y = F.grid_sample(x[None].double(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return y[0].float()


def jitter(case, x):
    steps = {"brightness": T.adjust_brightness, "contrast": T.adjust_contrast, "saturation": T.adjust_saturation,
             "hue": T.adjust_hue}
    for name in case["jitter"]:
        neutral = 0 if name == "hue" else 1
        x = steps[name](x, case.get(name, neutral))
    return x


def gray(case, x):
    return T.rgb_to_grayscale(x, num_output_channels=3) if case.get("grayscale") and x.shape[0] == 3 else x


def blur(case, x):
    if not case.get("blur_sigma"):
        return x
    taps = max(3, case["size"] // 20 * 2 + 1)
    return T.gaussian_blur(x, [taps, taps], [case["blur_sigma"]] * 2)


def flip(case, x):
    return T.hflip(x) if case.get("flip") else x


ORDERS = {"v1": [crop, gray, jitter, flip], "v2": [crop, jitter, gray, blur, flip], "demo": [crop, flip, jitter, gray]}


def view(case):
    x = image_of(case)
    if "resize" in case:
        x = T.center_crop(T.resize(x, [case["resize"]], antialias=True), [case["size"]] * 2)
    else:
        for step in ORDERS[case["order"]]:
            x = step(case, x)
    if case.get("normalize"):
        channels = x.shape[0]
        x = T.normalize(x, MEAN[:channels], STD[:channels])
    return x.permute(1, 2, 0)[:: case["stride"], :: case["stride"]]


def make(name, H=40, W=50, C=3, size=16, crop=None, order="v2", sampling="antialias", jitter=(), stride=1, **more):
    crop = crop or [0, 0, W, H]
    return dict(name=name, H=H, W=W, C=C, size=size, crop=list(crop), order=order, sampling=sampling,
                jitter=list(jitter), stride=stride, salt=abs(hash_of(name)) % 1000, **more)


def hash_of(name):
    return sum((i + 1) * ord(c) for i, c in enumerate(name))


def crops():
    for C in (1, 3):
        yield make(f"crop_shrink_{C}", C=C, crop=[3, 5, 31, 23])
        yield make(f"crop_enlarge_{C}", C=C, crop=[40, 30, 7, 5])
        yield make(f"crop_wide_{C}", C=C, crop=[1, 30, 48, 6])
        yield make(f"crop_equal_{C}", C=C, crop=[20, 10, 16, 16])
        yield make(f"crop_one_pixel_{C}", C=C, crop=[49, 39, 1, 1])
        yield make(f"crop_far_{C}", H=150, W=211, C=C, size=8)
        yield make(f"crop_flip_{C}", C=C, crop=[2, 7, 37, 33], flip=True)
        yield make(f"reflect_{C}", H=28, W=28, C=C, size=28, crop=[1.3, 4.7, 21.4, 19.9], sampling="reflect", stride=2)
        yield make(f"reflect_beyond_{C}", H=9, W=12, C=C, crop=[-20.25, -7.5, 47.5, 31.0], sampling="reflect", flip=True)
        yield make(f"reflect_whole_{C}", H=16, W=16, C=C, sampling="reflect")
    yield make("crop_224", H=375, W=500, size=224, crop=[31, 11, 402, 333], stride=16)


def colours():
    cases = [("brightness", [0.0, 0.6, 1.4]), ("contrast", [0.0, 0.6, 1.4]), ("saturation", [0.0, 0.6, 1.4]),
             ("hue", [-0.5, -0.1, 0.03, 0.1, 0.37, 0.5])]
    for step, values in cases:
        for value in values:
            yield make(f"{step}_{value}", size=12, jitter=[step], **{step: value})
            yield make(f"{step}_{value}_levels", H=12, W=12, size=12, jitter=[step], levels=True, **{step: value})
            if step in ("brightness", "contrast"):
                yield make(f"{step}_{value}_grey", C=1, size=12, jitter=[step], **{step: value})
    yield make("grayscale", size=12, grayscale=True)
    yield make("normalize", size=12, normalize=True)
    yield make("normalize_grey", C=1, size=12, normalize=True)


def blurs():
    for sigma in (0.1, 0.5, 1.0, 2.0):
        yield make(f"blur_{sigma}", size=20, blur_sigma=sigma)
        yield make(f"blur_{sigma}_grey", C=1, size=33, blur_sigma=sigma, stride=2)
        yield make(f"blur_{sigma}_224", H=224, W=224, size=224, blur_sigma=sigma, stride=16)
    yield make("blur_2_px", H=5, W=5, size=2, blur_sigma=1.0)


def chains():
    everything = dict(brightness=1.3, contrast=0.7, saturation=1.35, hue=-0.08, grayscale=False, flip=True,
                      normalize=True, crop=[4, 3, 39, 31])
    orders = [["brightness", "contrast", "saturation", "hue"], ["hue", "saturation", "brightness", "contrast"],
              ["contrast", "hue", "brightness", "saturation"]]
    for recipe, jitter_order in zip(ORDERS, orders):
        blur_sigma = 0.8 if recipe == "v2" else 0
        case = dict(everything, order=recipe, jitter=jitter_order, blur_sigma=blur_sigma)
        yield make(f"chain_{recipe}", **case)
        yield make(f"chain_{recipe}_gray", **dict(case, grayscale=True))
    case = dict(everything, crop=[1.25, 0.5, 25.5, 24.25], order="demo", jitter=["brightness", "contrast"])
    yield make("chain_fashion", H=28, W=28, C=1, size=28, sampling="reflect", stride=2, **case)


def evaluations():
    for H, W, resize, size in [(40, 57, 16, 14), (57, 40, 16, 14), (33, 33, 16, 13), (9, 14, 16, 14), (61, 47, 20, 20),
                               (31, 100, 16, 9)]:
        yield make(f"eval_{H}x{W}_{resize}_{size}", H=H, W=W, size=size, resize=resize, normalize=True)
    yield make("eval_imagenet", H=333, W=500, size=224, resize=256, normalize=True, stride=16)
    yield make("eval_grey", C=1, H=28, W=28, size=24, resize=26, normalize=True)


if __name__ == "__main__":
    cases = [case for family in (crops, colours, blurs, chains, evaluations) for case in family()]
    save_pack("augment", {case["name"]: view(case).numpy() for case in cases})
    with open(os.path.join(HERE, "augment.json"), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")

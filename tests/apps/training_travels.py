"""A run started here goes on in a PyTorch loop of the method, and comes back: the losses of the next ten steps are equal.

    python training_travels.py MOCO FOLDER

Run by tests/apps/weights_slow_test.cpp. FOLDER must be empty. The loop is the reference code's, on one device: its modules' names,
its order of updates, its checkpoint; computed in f64, and saved in f32. The rate is small because f32 runs part soon: PyTorch's own from its
f64 one by 2e-4 in ten steps at a rate of 1e-3. So that both sides see the same batches, one batch is all images, the views are the images as
they are, and batch norm is not split.
"""
import json
import os
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image

MOCO, FOLDER = sys.argv[1], sys.argv[2]
N, K, DIM, SIZE, LR = 16, 64, 128, 64, 2e-4
STEPS = 10
TOLERANCE = 1e-4  # of a loss, relative


def path(*names):
    return os.path.join(FOLDER, *names)


def moco(*arguments):
    done = subprocess.run([MOCO, *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)


def write_images():
    rng = np.random.default_rng(0)
    os.makedirs(path("images"))
    for i in range(N):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIZE, SIZE), Image.BICUBIC).save(path("images", f"{i:02}.png"))


def batch():
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    pixels = [torch.from_numpy(np.array(Image.open(path("images", f"{i:02}.png")))).permute(2, 0, 1) / 255 for i in range(N)]
    return torch.stack([(p - mean) / std for p in pixels])


class MoCo(torch.nn.Module):
    def __init__(self, mlp, T, m):
        super().__init__()
        self.T, self.m = T, m
        for name in ("encoder_q", "encoder_k"):
            net = torchvision.models.resnet18(num_classes=DIM)
            if mlp:
                net.fc = torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU(), net.fc)
            setattr(self, name, net)
        for parameter in self.encoder_k.parameters():
            parameter.requires_grad = False
        self.register_buffer("queue", torch.zeros(DIM, K))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    def forward(self, x):
        q = F.normalize(self.encoder_q(x), dim=1)
        with torch.no_grad():
            for p_q, p_k in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
                p_k.mul_(self.m).add_(p_q, alpha=1 - self.m)
            k = F.normalize(self.encoder_k(x), dim=1)
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.clone()], dim=1) / self.T
        first = int(self.queue_ptr)
        self.queue[:, first:first + N] = k.T
        self.queue_ptr[0] = (first + N) % K
        return F.cross_entropy(logits, torch.zeros(N, dtype=torch.long))


class Loop:
    """main_moco.py's, from a checkpoint on."""

    def __init__(self, checkpoint, **method):
        self.model = torch.nn.Module()
        self.model.module = MoCo(**method)  # DistributedDataParallel's name
        self.optimizer = torch.optim.SGD(self.model.parameters(), 1.0)
        self.model.load_state_dict(checkpoint["state_dict"], strict=True)
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.epoch = checkpoint["epoch"]
        self.model.double()
        for state in self.optimizer.state.values():
            state["momentum_buffer"] = state["momentum_buffer"].double()
        self.x = batch().double()

    def losses(self):
        all = []
        for _ in range(STEPS):
            loss = self.model.module(self.x)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.epoch += 1
            all.append(loss.item())
        return all

    def save(self, file):
        optimizer = self.optimizer.state_dict()
        for state in optimizer["state"].values():
            state["momentum_buffer"] = state["momentum_buffer"].float()
        weights = {k: v.float() if v.is_floating_point() else v for k, v in self.model.state_dict().items()}
        torch.save({"epoch": self.epoch, "arch": "resnet18", "state_dict": weights, "optimizer": optimizer}, file)


def logged_losses(run, first):
    with open(path(run, "metrics.jsonl")) as lines:
        steps = [line for line in map(json.loads, lines) if line["type"] == "step"]
    by_step = {line["step"]: line["loss"] for line in steps}
    return [by_step[first + i] for i in range(STEPS)]


def assert_equal(what, ours, theirs):
    worst = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
    assert worst < TOLERANCE, (what, worst, ours, theirs)
    print(f"{what}: ten losses from {theirs[0]:.4f} to {theirs[-1]:.4f} differ by {worst:.1e} at most")


def there_and_back(preset, mlp, T):
    run, again = f"{preset}.run", f"{preset}.again"
    method = ["--preset", preset, "--data", "folder:images", "--image-size", str(SIZE), "--batch-size", str(N), "--bn-splits", "1", "--lr",
              str(LR), "--moco-k", str(K), "--moco-m", "0.9", "--moco-t", str(T), "--arch", "resnet18", "--aug", "crop", "--crop-min", "1",
              "--crop-max", "1", "--flip-p", "0", "--log-every", "1", "--knn-every", "0", "--epochs", "1000"]
    constant = ["--no-cos"] if preset == "v2" else []
    method += [*constant, "--schedule", "900,950"]
    moco("pretrain", *method, "--max-steps", "5", "--out", run)
    moco("convert", run, f"{preset}.pth.tar", "--to", "moco")
    moco("pretrain", "--resume", run, "--max-steps", "15")

    loop = Loop(torch.load(path(f"{preset}.pth.tar"), weights_only=True), mlp=mlp, T=T, m=0.9)
    assert loop.epoch == 5
    assert_equal(f"{preset}, from moco to PyTorch", logged_losses(run, 6), loop.losses())

    loop.save(path(f"{preset}.theirs.pth.tar"))
    moco("convert", f"{preset}.theirs.pth.tar", again, "--to", "run", "--config", f"{run}/config.toml")
    moco("pretrain", "--resume", again, "--max-steps", "25")
    assert_equal(f"{preset}, and back", logged_losses(again, 16), loop.losses())


def main():
    write_images()
    there_and_back("v1", mlp=False, T=0.07)
    there_and_back("v2", mlp=True, T=0.2)
    print("ok")


if __name__ == "__main__":
    main()

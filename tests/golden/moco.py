"""Ten steps of MoCo from given weights, queue, permutations and batches, in both forms of the loss.

Written as the reference implementation does it, operation by operation, in f64; weights, images and the queue's first
keys come from formula.py. Losses are held to 1e-4. Weights, momenta, statistics and queue are held to twice what
PyTorch's own f32 runs (its default kernels, channels-last memory, its kernels without oneDNN) differ from the f64 run,
or to the 1e-5 of the ops if that is more; the bounds are stored beside the values. Any two f32 implementations part
where the input of a ReLU is nearer to zero than its rounding error, so of three sets of images the one that PyTorch's
f32 runs follow best is taken.
"""
import copy
import functools

import numpy as np
import torch
import torch.nn.functional as F

from formula import formula
from nn import Network, fill, ours
from pack import save_pack
from steps import golden

STEPS, N, C, K, SIZE, WIDTH, SPLITS, CHANNELS = 10, 8, 16, 36, 16, 8, 2, 3
M, T, MOMENTUM, WEIGHT_DECAY = 0.9, 0.2, 0.9, 5e-4


def learning_rate(step):
    return 0.05 / (1 + 0.1 * step)


def permutation(step, view):
    return np.random.RandomState(10 * step + view).permutation(N)


def images(salt, dtype, memory_format):
    x = torch.from_numpy(formula((N, SIZE, SIZE, CHANNELS), salt)).permute(0, 3, 1, 2).to(dtype)
    return x.contiguous(memory_format=memory_format)


class MoCo:
    def __init__(self, symmetric, dtype, memory_format):
        self.f_q = Network("resnet18", WIDTH, "cifar", CHANNELS, SPLITS)
        if symmetric:  # with v1's head, so that both heads are trained
            self.f_q.fc = torch.nn.Linear(8 * WIDTH, C)
        fill(self.f_q)
        self.f_q.to(dtype).to(memory_format=memory_format)
        self.f_k = copy.deepcopy(self.f_q)
        for p in self.f_k.parameters():
            p.requires_grad = False
        queue = torch.from_numpy(formula((K, C), 7)).to(dtype)
        self.queue = F.normalize(queue, dim=1).T.contiguous()  # C x K
        self.pointer = 0
        self.optimizer = torch.optim.SGD(self.f_q.parameters(), 1.0, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)

    @torch.no_grad()
    def keys(self, x, order):
        k = F.normalize(self.f_k(x[order]), dim=1)
        return k[np.argsort(order)]

    def contrast(self, q, k):
        positive = torch.einsum("nc,nc->n", q, k).unsqueeze(-1)
        negative = torch.einsum("nc,ck->nk", q, self.queue.clone())
        logits = torch.cat([positive, negative], dim=1) / T
        correct = (positive > negative.max(1, keepdim=True).values).sum().item()
        return F.cross_entropy(logits, torch.zeros(N, dtype=torch.long)), correct

    @torch.no_grad()
    def momentum_update(self):
        for p_q, p_k in zip(self.f_q.parameters(), self.f_k.parameters()):
            p_k.mul_(M).add_(p_q, alpha=1 - M)

    def enqueue(self, keys):
        for k in keys:
            self.queue[:, self.pointer] = k
            self.pointer = (self.pointer + 1) % K

    def step(self, number, x_1, x_2, symmetric):
        self.optimizer.param_groups[0]["lr"] = learning_rate(number)
        self.momentum_update()
        q_1 = F.normalize(self.f_q(x_1), dim=1)
        k_2 = self.keys(x_2, permutation(number, 0))
        loss, correct = self.contrast(q_1, k_2)
        enqueued = k_2
        if symmetric:
            q_2 = F.normalize(self.f_q(x_2), dim=1)
            k_1 = self.keys(x_1, permutation(number, 1))
            loss_21, correct_21 = self.contrast(q_2, k_1)
            loss, correct, enqueued = loss + loss_21, correct + correct_21, torch.cat([k_1, k_2])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.enqueue(enqueued)
        return loss.item(), correct


def run(symmetric, salt, dtype, memory_format=torch.contiguous_format):
    moco = MoCo(symmetric, dtype, memory_format)
    losses, corrects = [], []
    for step in range(STEPS):
        x_1, x_2 = (images(salt + 2 * step + view, dtype, memory_format) for view in range(2))
        loss, correct = moco.step(step, x_1, x_2, symmetric)
        losses.append(loss)
        corrects.append(correct)
    moments = [moco.optimizer.state[p]["momentum_buffer"] for p in moco.f_q.parameters()]
    floats = lambda tensors: [ours(t) for t in tensors if t.dtype == dtype]
    return {
        "losses": np.array(losses),
        "corrects": np.array(corrects),
        "pointer": moco.pointer,
        "q_parameters": floats(moco.f_q.parameters()),
        "k_parameters": floats(moco.f_k.parameters()),
        "q_buffers": floats(moco.f_q.buffers()),
        "k_buffers": floats(moco.f_k.buffers()),
        "momenta": floats(moments),
        "queue": [moco.queue.T.double().numpy().ravel()],
    }


GROUPS = ["q_parameters", "k_parameters", "q_buffers", "k_buffers", "momenta", "queue"]


def save_golden(name, symmetric, salts):
    arrays, exact = golden(name, functools.partial(run, symmetric), GROUPS, salts, whole=["queue"])
    arrays["pointer"] = exact["pointer"]
    arrays["orders"] = [[permutation(step, view) for view in range(2)] for step in range(STEPS)]
    save_pack(name, arrays)


if __name__ == "__main__":
    torch.set_num_threads(2)
    save_golden("moco.one_way", False, range(1000, 1300, 100))
    save_golden("moco.symmetric", True, range(2000, 2300, 100))

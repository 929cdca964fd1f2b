"""Ten steps of the two mechanisms that the paper holds MoCo against (figure 2 a and b), from given weights and images.

end_to_end: queries and keys from one encoder, with two batch norm splits and a given permutation of the keys; the dictionary
is the batch; gradients flow into both. memory_bank: one view an image, positives and negatives from a bank of all images,
whose entries move by half; the given indices hold images that occur twice in a batch, of which the last counts.
The rest is as in moco.py: weights, images and the bank's first entries by formula, the f64 run stored, losses held to 1e-4,
the groups to twice what PyTorch's own f32 runs differ from the f64 run, and of several sets of images the one that the f32
runs follow best. gradients: of the end-to-end loss on given q and keys, for its own test.
"""
import numpy as np
import torch
import torch.nn.functional as F

from formula import formula
from moco import C, CHANNELS, K, MOMENTUM, N, SPLITS, STEPS, T, WEIGHT_DECAY, WIDTH, images, learning_rate, permutation
from nn import Network, fill, ours
from pack import save_pack
from steps import golden

IMAGES = 20  # in the bank


class Learner:
    def __init__(self, dtype, memory_format):
        self.f = Network("resnet18", WIDTH, "cifar", CHANNELS, SPLITS)
        fill(self.f)
        self.f.to(dtype).to(memory_format=memory_format)
        self.optimizer = torch.optim.SGD(self.f.parameters(), 1.0, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)

    def encode(self, x):
        return F.normalize(self.f(x), dim=1)

    def step(self, number, loss):
        self.optimizer.param_groups[0]["lr"] = learning_rate(number)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def groups(self, dtype):
        return {
            "parameters": [ours(p) for p in self.f.parameters()],
            "buffers": [ours(b) for b in self.f.buffers() if b.dtype == dtype],
            "momenta": [ours(self.optimizer.state[p]["momentum_buffer"]) for p in self.f.parameters()],
        }


def classified(logits, targets):
    """The loss, and how many rows have their strict maximum at the target."""
    own = logits.gather(1, targets[:, None])
    others = logits.scatter(1, targets[:, None], -torch.inf).max(1, keepdim=True).values
    return F.cross_entropy(logits, targets), (own > others).sum().item()


def end_to_end(salt, dtype, memory_format=torch.contiguous_format):
    learner = Learner(dtype, memory_format)
    losses, corrects = [], []
    for step in range(STEPS):
        x_1, x_2 = (images(salt + 2 * step + view, dtype, memory_format) for view in range(2))
        order = permutation(step, 0)
        q = learner.encode(x_1)
        keys = learner.encode(x_2[order])[np.argsort(order)]
        loss, correct = classified(q @ keys.T / T, torch.arange(N))
        learner.step(step, loss)
        losses.append(loss.item())
        corrects.append(correct)
    return {"losses": np.array(losses), "corrects": np.array(corrects)} | learner.groups(dtype)


def batch_of(step):
    """N images; in every third step the last is the first once more."""
    batch = np.random.RandomState(100 + step).permutation(IMAGES)[:N]
    if step % 3 == 0:
        batch[-1] = batch[0]
    return batch


def negatives_of(step):
    """With replacement; in every third step of all images, the batch's own too, else of the others."""
    others = np.setdiff1d(np.arange(IMAGES), batch_of(step))
    return np.random.RandomState(200 + step).choice(IMAGES if step % 3 == 1 else others, size=K)


def memory_bank(salt, dtype, memory_format=torch.contiguous_format):
    learner = Learner(dtype, memory_format)
    bank = F.normalize(torch.from_numpy(formula((IMAGES, C), 7)).to(dtype), dim=1)
    losses, corrects = [], []
    for step in range(STEPS):
        q = learner.encode(images(salt + step, dtype, memory_format))
        keys, negatives = bank[batch_of(step)], bank[negatives_of(step)]
        logits = torch.cat([(q * keys).sum(1, keepdim=True), q @ negatives.T], dim=1) / T
        loss, correct = classified(logits, torch.zeros(N, dtype=torch.long))
        learner.step(step, loss)
        for n, image in enumerate(batch_of(step)):
            bank[image] = F.normalize(keys[n] / 2 + q[n].detach() / 2, dim=0)
        losses.append(loss.item())
        # A query's own entry among the negatives ties with its positive: rounding decides which is larger.
        corrects.append(-1 if step % 3 == 1 else correct)
    result = {"losses": np.array(losses), "corrects": np.array(corrects)} | learner.groups(dtype)
    return result | {"bank": [bank.double().numpy().ravel()]}


def gradients():
    q, keys = (torch.from_numpy(formula((rows, C), salt)).double().requires_grad_() for rows, salt in [(N, 1), (2 * N, 2)])
    targets = torch.arange(N) * 2 + 1
    loss = F.cross_entropy(q @ keys.T / T, targets)
    loss.backward()
    return {"gradients.loss": loss.item(), "gradients.dq": q.grad.numpy(), "gradients.dkeys": keys.grad.numpy()}


def case(name, run, groups, salts, whole=()):
    arrays, _ = golden(name, run, groups, salts, whole=whole)
    return {f"{name}.{key}": value for key, value in arrays.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    groups = ["parameters", "buffers", "momenta"]
    arrays = case("end_to_end", end_to_end, groups, range(5000, 5400, 100))
    arrays |= case("memory_bank", memory_bank, groups + ["bank"], range(6000, 6400, 100), whole=["bank"])
    arrays["end_to_end.orders"] = [permutation(step, 0) for step in range(STEPS)]
    arrays["memory_bank.images"] = [batch_of(step) for step in range(STEPS)]
    arrays["memory_bank.negatives"] = [negatives_of(step) for step in range(STEPS)]
    save_pack("mechanisms", arrays | gradients())

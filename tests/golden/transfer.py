"""Ten steps of transfer from given weights, statistics, images and labels: linear probes, and fine-tuning.

The encoder is moco.py's narrow ResNet-18; its running statistics are by formula, too. Cases, one pack for all:

    probe          frozen, in eval mode; three heads learn side by side, each at a rate of its own
    frozen_bn      fine-tuning with batch norm in eval mode whose gamma and beta learn
    frozen_stages  fine-tuning in train mode with two splits; the stem and layer1 stay as they are, statistics too

Fine-tuning has label smoothing, weight decay, a rate for each stage and one for the head. The rest is as in
supervised.py, but for the images of fine-tuning: those that keep the inputs of all ReLUs farthest from zero, so that no
f32 implementation has to flip one. Momenta are those of what learns.
"""
import functools

import numpy as np
import torch
import torch.nn.functional as F

from formula import formula
from moco import CHANNELS, MOMENTUM, STEPS, WEIGHT_DECAY, WIDTH, images, learning_rate
from nn import Network, fill, ours
from pack import save_pack
from steps import golden
from supervised import CLASSES, GROUPS, labels

HEAD_RATES = [1, 5, 25]  # of the probes, times the rate
SMOOTHING, DECAY, HEAD_FACTOR, FROZEN_STAGES = 0.1, 0.5, 4, 2


def trained_network(splits, dtype, memory_format):
    """With statistics as if it had been trained: buffer number i (means and variances in turn) has salt 500 + i."""
    net = Network("resnet18", WIDTH, "cifar", CHANNELS, splits)
    net.fc = torch.nn.Linear(8 * WIDTH, CLASSES)
    fill(net)
    statistics = [b for b in net.buffers() if b.dim() == 1]
    for i, buffer in enumerate(statistics):
        is_mean = i % 2 == 0
        value = formula(tuple(buffer.shape), 500 + i, 0.1 if is_mean else 0.5)
        buffer.copy_(torch.from_numpy(value + np.float32(0 if is_mean else 1)))
    return net.to(dtype).to(memory_format=memory_format)


def probe(salt, dtype, memory_format=torch.contiguous_format):
    net = trained_network(1, dtype, memory_format).eval()
    heads = [torch.nn.Linear(8 * WIDTH, CLASSES) for _ in HEAD_RATES]
    with torch.no_grad():
        for head in heads:
            head.weight.copy_(torch.from_numpy(formula(tuple(head.weight.shape), 700, 0.01)))
            head.bias.zero_()
            head.to(dtype)
    groups = [{"params": list(head.parameters())} for head in heads]
    optimizer = torch.optim.SGD(groups, 1.0, momentum=MOMENTUM)
    losses, corrects = [], []
    for step in range(STEPS):
        for group, rate in zip(optimizer.param_groups, HEAD_RATES):
            group["lr"] = rate * learning_rate(step)
        with torch.no_grad():
            features = net.features(images(salt + step, dtype, memory_format))
        optimizer.zero_grad()
        for head in heads:
            logits = head(features)
            loss = F.cross_entropy(logits, labels(step))
            loss.backward()
            losses.append(loss.item())
            corrects.append((logits.argmax(1) == labels(step)).sum().item())
        optimizer.step()
    parameters = [p for head in heads for p in head.parameters()]
    return {
        "losses": np.array(losses),
        "corrects": np.array(corrects),
        "parameters": [ours(p) for p in parameters],
        "momenta": [ours(optimizer.state[p]["momentum_buffer"]) for p in parameters],
    }


def parameter_groups(net, frozen_stages):
    """Each stage's rate is DECAY times that of the one above; frozen stages require no gradient and are in no group."""
    stages = [[net.conv1, net.bn1], [net.layer1], [net.layer2], [net.layer3], [net.layer4]]
    groups = []
    for i, modules in enumerate(stages):
        parameters = [p for module in modules for p in module.parameters()]
        if i >= frozen_stages:
            groups.append({"params": parameters, "factor": DECAY ** (len(stages) - 1 - i)})
            continue
        for p in parameters:
            p.requires_grad = False
    return groups + [{"params": list(net.fc.parameters()), "factor": HEAD_FACTOR}]


def to_mode(net, bn, frozen_stages):
    net.train()
    frozen = [net] if bn == "frozen" else [net.bn1, net.layer1][:frozen_stages]
    for module in frozen:
        module.eval()


def watch_relus(net, nearest):
    """Appends to `nearest` how near to zero, relative to their RMS, the inputs of each ReLU come in a forward pass."""
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_pre_hook(
                lambda _, x: nearest.append((x[0].abs().min() / x[0].square().mean().sqrt()).item()))


def finetune(bn, frozen_stages, splits, salt, dtype, memory_format=torch.contiguous_format):
    net = trained_network(splits, dtype, memory_format)
    groups = parameter_groups(net, frozen_stages)
    to_mode(net, bn, frozen_stages)
    optimizer = torch.optim.SGD(groups, 1.0, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    losses, corrects, nearest = [], [], []
    watch_relus(net, nearest)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = group["factor"] * learning_rate(step)
        logits = net(images(salt + step, dtype, memory_format))
        loss = F.cross_entropy(logits, labels(step), label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        corrects.append((logits.argmax(1) == labels(step)).sum().item())
    return {
        "margin": min(nearest),
        "losses": np.array(losses),
        "corrects": np.array(corrects),
        "parameters": [ours(p) for p in net.parameters()],
        "buffers": [ours(b) for b in net.buffers() if b.dtype == dtype],
        "momenta": [ours(optimizer.state[p]["momentum_buffer"]) for p in net.parameters() if p.requires_grad],
    }


def case(name, run, groups, salts):
    arrays, _ = golden(name, run, groups, salts)
    return {f"{name}.{key}": value for key, value in arrays.items()}


def finetuning_case(name, salts, *settings):
    run = functools.partial(finetune, *settings)
    margins = {salt: run(salt, torch.float64)["margin"] for salt in salts}
    salt = max(margins, key=margins.get)
    print(f"{name}: margins {margins}")
    return case(name, run, GROUPS, [salt])


if __name__ == "__main__":
    torch.set_num_threads(2)
    probes = case("probe", probe, ["parameters", "momenta"], range(5000, 5300, 100))
    frozen_bn = finetuning_case("frozen_bn", range(6000, 8000, 100), "frozen", 0, 1)
    frozen_stages = finetuning_case("frozen_stages", range(8000, 10000, 100), "train", FROZEN_STAGES, 2)
    save_pack("transfer", probes | frozen_bn | frozen_stages)

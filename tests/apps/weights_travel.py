"""Weights between moco and Python's programs, both ways: same weights, same images, equal features.

    python weights_travel.py MOCO FOLDER

Run by tests/apps/weights_slow_test.cpp. FOLDER must be empty. Packages other than torch, torchvision, numpy and pillow are
used where they can be imported, and are named where not.
"""
import collections
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import types

import numpy as np
import torch
import torchvision
from PIL import Image

MOCO, FOLDER = sys.argv[1], sys.argv[2]
SIZE = 64
TOLERANCE = 1e-4  # of features, relative to their RMS
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def moco(*arguments):
    done = subprocess.run([MOCO, *arguments], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def path(name):
    return os.path.join(FOLDER, name)


def has(package):
    there = importlib.util.find_spec(package) is not None
    if not there:
        print(f"not tried, it cannot be imported: {package}")
    return there


def write_images():
    rng = np.random.default_rng(0)
    os.makedirs(path("images/a"))
    for i in range(8):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIZE, SIZE), Image.BICUBIC).save(path(f"images/a/{i}.png"))


def images():
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGENET)
    all = []
    for i in range(8):
        pixels = torch.from_numpy(np.array(Image.open(path(f"images/a/{i}.png")))).permute(2, 0, 1) / 255
        all.append((pixels - mean) / std)
    return torch.stack(all)


def network(arch):
    """With statistics that a first batch has moved, so that no layer is the identity."""
    torch.manual_seed(1)
    net = getattr(torchvision.models, arch)()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    net.train()
    with torch.no_grad():
        net(torch.randn(8, 3, SIZE, SIZE))
    return net.eval()


def torch_features(net):
    head, net.fc = net.fc, torch.nn.Identity()
    with torch.no_grad():
        features = net(images()).numpy()
    net.fc = head
    return features


def moco_features(file):
    moco("features", "--checkpoint", file, "--data", "folder:images", "--transform", f"resize-crop:{SIZE}:{SIZE}", "--out", "features")
    rows = [os.path.basename(line) for line in open(path("features/paths.txt")).read().split()]
    assert rows == [f"{i}.png" for i in range(8)], rows
    return np.load(path("features/features.npy"))


def relative_error(got, expected):
    return np.abs(got - expected).max() / np.sqrt((expected ** 2).mean())


def assert_equal_features(file, expected):
    error = relative_error(moco_features(file), expected)
    assert error < TOLERANCE, (file, error)
    print(f"{file}: features differ by {error:.1e}")


def reference(state):
    both = collections.OrderedDict()
    for name in ("encoder_q", "encoder_k"):
        for key, tensor in state.items():
            both[f"module.{name}.{key}"] = tensor if name == "encoder_q" else tensor + 1
    both["module.queue"] = torch.nn.functional.normalize(torch.randn(128, 256), dim=0)
    both["module.queue_ptr"] = torch.zeros(1, dtype=torch.long)
    return {"epoch": 200, "arch": "resnet50", "state_dict": both}


def read_by_moco(net):
    state, expected = net.state_dict(), torch_features(net)
    torch.save(state, path("zip.pth"))
    torch.save(state, path("legacy.pth"), _use_new_zipfile_serialization=False)
    torch.save(reference(state), path("reference.pth.tar"))
    torch.save(net.to(memory_format=torch.channels_last).state_dict(), path("channels_last.pth"))
    numbered = torch.nn.Sequential(*list(net.children())[:-1]).state_dict()
    torch.save({"state_dict": {f"backbone.{k}": v for k, v in numbered.items()}}, path("numbered.ckpt"))
    np.savez(path("arrays.npz"), **{k: v.numpy() for k, v in state.items()})
    files = ["zip.pth", "legacy.pth", "reference.pth.tar", "channels_last.pth", "numbered.ckpt", "arrays.npz"]
    if has("safetensors"):
        from safetensors.torch import save_file
        save_file({k: v.contiguous() for k, v in state.items()}, path("theirs.safetensors"))
        files.append("theirs.safetensors")
    for file in files:
        assert_equal_features(file, expected)


def assert_equal_states(ours, theirs):
    assert set(ours) == set(theirs), set(ours) ^ set(theirs)
    for key in theirs:
        assert ours[key].dtype == theirs[key].dtype and torch.equal(ours[key], theirs[key]), key


def written_by_moco(net, arch):
    state, expected = net.state_dict(), torch_features(net)
    backbone = {k: v for k, v in state.items() if not k.startswith("fc.")}
    moco("convert", "zip.pth", "tv.pth", "--to", "torchvision")
    loaded = torch.load(path("tv.pth"), weights_only=True)
    assert_equal_states(loaded, state)
    again = getattr(torchvision.models, arch)()
    again.load_state_dict(loaded, strict=True)
    assert relative_error(torch_features(again.eval()), expected) < TOLERANCE

    moco("convert", "zip.pth", "mm.pth", "--to", "mmpretrain")
    loaded = torch.load(path("mm.pth"), weights_only=True)["state_dict"]
    assert_equal_states({k[9:]: v for k, v in loaded.items() if k.startswith("backbone.")}, backbone)

    moco("convert", "zip.pth", "half.pth", "--to", "torchvision", "--dtype", "f16")
    assert_equal_states(torch.load(path("half.pth"), weights_only=True),
                        {k: v.half() if v.is_floating_point() else v for k, v in state.items()})
    moco("convert", "zip.pth", "brain.pth", "--to", "torchvision", "--dtype", "bf16")
    assert_equal_states(torch.load(path("brain.pth"), weights_only=True),
                        {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()})

    moco("convert", "zip.pth", "out.npz", "--to", "torchvision")
    arrays = np.load(path("out.npz"))
    assert_equal_states({k: torch.from_numpy(arrays[k]) for k in arrays.files}, state)

    moco("convert", "zip.pth", "d2.pkl", "--to", "detectron2")
    with open(path("d2.pkl"), "rb") as file:
        d2 = pickle.load(file, encoding="latin1")
    assert d2["matching_heuristics"] is True
    assert_equal_states({k: torch.from_numpy(v.copy()) for k, v in d2["model"].items()},
                        {detectron2_name(k): v for k, v in backbone.items()})
    assert_equal_features("d2.pkl", expected)

    moco("convert", "zip.pth", "out.safetensors", "--to", "safetensors")
    if has("safetensors"):
        from safetensors.torch import load_file
        assert_equal_states(load_file(path("out.safetensors")), state)
    if has("timm"):
        import timm
        moco("convert", "zip.pth", "timm.pth", "--to", "timm")
        model = timm.create_model(arch, checkpoint_path=path("timm.pth")).eval()
        with torch.no_grad():
            got = model.forward_head(model.forward_features(images()), pre_logits=True).numpy()
        assert relative_error(got, expected) < TOLERANCE
    print(f"{arch}: all that moco wrote was read")


def detectron2_name(key):
    """The rule of the reference code's detection/convert-pretrain-to-detectron2.py."""
    if "layer" not in key:
        key = "stem." + key
    for t in (1, 2, 3, 4):
        key = key.replace(f"layer{t}", f"res{t + 1}")
    for t in (1, 2, 3):
        key = key.replace(f"bn{t}", f"conv{t}.norm")
    return key.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")


def onnx_by_moco(net, arch):
    if not (has("onnx") and has("onnxruntime")):
        return
    import onnx
    import onnxruntime
    expected = torch_features(net)
    x = images()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGENET)
    moco("convert", "zip.pth", "plain.onnx", "--to", "onnx")
    moco("convert", "zip.pth", "folded.onnx", "--to", "onnx", "--fold-bn", "--normalize", "imagenet")
    moco("convert", "zip.pth", "map.onnx", "--to", "onnx", "--output", "map")
    moco("convert", "zip.pth", "projection.onnx", "--to", "onnx", "--output", "projection", "--fold-bn")
    with torch.no_grad():
        logits = net(x).numpy()
    for file, given, wanted in (("plain", x, expected), ("folded", x * std + mean, expected), ("projection", x, logits),
                                ("map", x, None)):
        onnx.checker.check_model(path(f"{file}.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(path(f"{file}.onnx"), providers=["CPUExecutionProvider"])
        got = session.run(None, {"images": given.numpy()})[0]
        if wanted is None:
            assert got.shape[2:] == (SIZE // 32, SIZE // 32)
            got, wanted = got.mean((2, 3)), expected
        assert relative_error(got, wanted) < TOLERANCE, (file, relative_error(got, wanted))
        assert session.run(None, {"images": given[:3].numpy()})[0].shape[0] == 3
    print(f"{arch}: ONNX graphs give the same in onnxruntime")


def lightly_by_moco():
    """lightly's own ResNet, whole and as the Sequential that its examples make of it."""
    if not has("lightly"):
        return
    from lightly.models import ResNetGenerator
    torch.manual_seed(2)
    net = ResNetGenerator("resnet-18")
    net.train()
    backbone = torch.nn.Sequential(*list(net.children())[:-1])
    with torch.no_grad():
        net(torch.randn(8, 3, 32, 32))
        net.eval()
        x = torch.nn.functional.relu(net.bn1(net.conv1(images())))
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
        expected = x.mean((2, 3)).numpy()
    state = {f"backbone.{k}": v for k, v in backbone.state_dict().items()}
    state |= {f"projection_head.layers.{i}.{k}": torch.zeros(128, 512) if k == "weight" else torch.zeros(128)
              for i in (0, 2) for k in ("weight", "bias")}
    torch.save({"state_dict": state}, path("lightly.ckpt"))
    torch.save(net.state_dict(), path("lightly.pth"))
    for file in ("lightly.ckpt", "lightly.pth"):
        assert_equal_features(file, expected)
    assert json.loads(moco("info", "lightly.ckpt", "--json"))["layout"] == "lightly"


def solo_learn_by_moco():
    """solo-learn's own MoCo v2+, as its trainer saves it."""
    if not (has("solo") and has("pytorch_lightning")):
        return
    schedulers = types.ModuleType("pl_bolts.optimizers.lr_scheduler")  # of a package that lives no more; nothing is trained
    schedulers.LinearWarmupCosineAnnealingLR = None
    for name in ("pl_bolts", "pl_bolts.optimizers"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[schedulers.__name__] = schedulers
    from solo.methods import MoCoV2Plus
    torch.manual_seed(3)
    method = MoCoV2Plus(
        proj_output_dim=128, proj_hidden_dim=512, temperature=0.2, queue_size=256, base_tau_momentum=0.99, final_tau_momentum=1.0,
        momentum_classifier=False, encoder="resnet18", num_classes=10, backbone_args={}, max_epochs=1, batch_size=8, optimizer="sgd",
        lars=False, lr=0.1, weight_decay=0, classifier_lr=0.1, exclude_bias_n_norm=False, accumulate_grad_batches=1,
        extra_optimizer_args={}, scheduler="none", min_lr=0, warmup_start_lr=0, warmup_epochs=0, num_large_crops=2, num_small_crops=0)
    with torch.no_grad():
        method.train()
        method.encoder(torch.randn(8, 3, SIZE, SIZE))
        method.eval()
        expected = method.encoder(images()).numpy()
        projected = method.projector(method.encoder(images())).numpy()
    torch.save({"epoch": 1, "state_dict": method.state_dict()}, path("solo.ckpt"))
    assert_equal_features("solo.ckpt", expected)
    report = json.loads(moco("info", "solo.ckpt", "--json"))
    assert report["layout"] == "solo-learn" and report["other_encoders"], report["other_encoders"]
    assert report["head"] == "mlp" and projected.shape == (8, report["dim"]), report["head"]


def a_run_for_the_reference_code():
    moco("pretrain", "--preset", "v2", "--data", "shapes:32", "--arch", "resnet18", "--image-size", "32", "--batch-size", "8",
         "--bn-splits", "1", "--moco-k", "16", "--epochs", "1", "--max-steps", "2", "--knn-every", "0", "--out", "run")
    moco("convert", "run", "run.pth.tar", "--to", "moco")
    checkpoint = torch.load(path("run.pth.tar"), weights_only=True)
    model = torch.nn.Module()  # MoCo's builder: the same modules and buffers, in the same order
    for name in ("encoder_q", "encoder_k"):
        net = torchvision.models.resnet18(num_classes=128)
        net.fc = torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU(), net.fc)
        setattr(model, name, net)
    model.register_buffer("queue", torch.randn(128, 16))
    model.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))
    wrapped = torch.nn.Module()
    wrapped.module = model
    wrapped.load_state_dict(checkpoint["state_dict"], strict=True)
    optimizer = torch.optim.SGD(wrapped.parameters(), 1.0)
    optimizer.load_state_dict(checkpoint["optimizer"])
    assert optimizer.param_groups[0]["momentum"] == 0.9 and optimizer.param_groups[0]["weight_decay"] == 1e-4
    for parameter in model.encoder_q.parameters():
        assert optimizer.state[parameter]["momentum_buffer"].shape == parameter.shape
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    print("the reference code's checkpoint loads strictly, optimizer and all")


def main():
    write_images()
    for arch in ("resnet18", "resnet50"):
        net = network(arch)
        read_by_moco(net)
        written_by_moco(net, arch)
        onnx_by_moco(net, arch)
    lightly_by_moco()
    solo_learn_by_moco()
    a_run_for_the_reference_code()
    print("ok")


if __name__ == "__main__":
    main()

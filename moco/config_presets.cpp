// The presets: what the papers, the reference code's CIFAR demo and the Fashion-MNIST comparison ran with.
#include <array>

#include "core/error.h"
#include "moco/config.h"

namespace moco {
namespace {

// MoCo v1 on ImageNet (arXiv:1911.05722): the defaults of RunConfig.
RunConfig v1() {
    RunConfig c;
    c.preset = "v1";
    return c;
}

// MoCo v2 on ImageNet (arXiv:2003.04297): MLP head, stronger augmentation, cosine schedule, T = 0.2.
RunConfig v2() {
    RunConfig c;
    c.preset = "v2";
    c.mlp = true;
    c.aug = "v2";
    c.cos = true;
    c.moco_t = 0.2;
    return c;
}

// The CIFAR-10 notebook of the reference code, asymmetric. Its replaced stem has PyTorch's default initialisation, and
// its schedule counts epochs from 1, so the last one runs at rate 0.
RunConfig cifar_demo() {
    RunConfig c;
    c.preset = "cifar-demo";
    c.image_size = 32, c.aug = "demo";
    c.arch = "resnet18", c.stem = "cifar", c.stem_init = "uniform";
    c.moco_k = 4096, c.moco_m = 0.99, c.moco_t = 0.1, c.bn_splits = 8;
    c.epochs = 200, c.batch_size = 512, c.lr = 0.06, c.wd = 5e-4;
    c.cos = true, c.lr_first_epoch = 1;
    c.knn_every = 1;
    return c;
}

// Minutes on a CPU: a narrow ResNet-18 on 28 x 28 images, the comparison with PyTorch in docs/results.md.
RunConfig fashion() {
    RunConfig c;
    c.preset = "fashion";
    c.data = "fashion-mnist";
    c.image_size = 28, c.aug = "fashion";
    c.arch = "resnet18", c.width = 16, c.stem = "cifar-s2";
    c.moco_k = 4096, c.moco_m = 0.99, c.moco_t = 0.1, c.bn_splits = 4;
    c.epochs = 10, c.batch_size = 128, c.lr = 0.06, c.wd = 5e-4;
    c.cos = true, c.lr_per = "step";
    c.knn_every = 2, c.knn_baselines = true;
    return c;
}

struct Preset {
    std::string_view name;
    RunConfig (*make)();
};
constexpr std::array<Preset, 4> kPresets = {{{"v1", v1}, {"v2", v2}, {"cifar-demo", cifar_demo}, {"fashion", fashion}}};

constexpr auto kNames = [] {
    std::array<std::string_view, kPresets.size()> names;
    for (size_t i = 0; i < names.size(); ++i) names[i] = kPresets[i].name;
    return names;
}();

}  // namespace

std::span<const std::string_view> preset_names() {
    return kNames;
}

RunConfig preset(std::string_view name) {
    for (const Preset& candidate : kPresets) {
        if (candidate.name == name) return candidate.make();
    }
    fail("--preset {}: there is no such preset; expected one of {}", name, fmt::join(kNames, ", "));
}

}  // namespace moco

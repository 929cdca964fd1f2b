// The presets: what the papers, the reference code's CIFAR demo and the Fashion-MNIST comparison ran with.
#include "moco/tasks/pretrain_settings.h"

namespace moco {
namespace {

// MoCo v1 on ImageNet (arXiv:1911.05722): the defaults.
void v1(PretrainSettings&) {}

// MoCo v2 on ImageNet (arXiv:2003.04297): MLP head, stronger augmentation, cosine schedule, T = 0.2.
void v2(PretrainSettings& s) {
    s.method.mlp = true;
    s.views.aug = "v2";
    s.optimizer.cos = true;
    s.method.moco_t = 0.2;
}

// The CIFAR-10 notebook of the reference code, asymmetric. Its replaced stem has PyTorch's default initialisation, and
// its schedule counts epochs from 1, so the last one runs at rate 0.
void cifar_demo(PretrainSettings& s) {
    s.views.image_size = 32, s.views.aug = "demo";
    s.encoder.arch = "resnet18", s.encoder.stem = "cifar", s.encoder.stem_init = "uniform";
    s.method.moco_k = 4096, s.method.moco_m = 0.99, s.method.moco_t = 0.1, s.method.bn_splits = 8;
    s.optimizer.epochs = 200, s.optimizer.batch_size = 512, s.optimizer.lr = 0.06, s.optimizer.wd = 5e-4;
    s.optimizer.cos = true, s.optimizer.lr_first_epoch = 1;
    s.knn.every = 1;
}

// Minutes on a CPU: a narrow ResNet-18 on 28 x 28 images, the comparison with PyTorch in docs/results.md.
void fashion(PretrainSettings& s) {
    s.data.spec = "fashion-mnist";
    s.views.image_size = 28, s.views.aug = "fashion";
    s.encoder.arch = "resnet18", s.encoder.width = 16, s.encoder.stem = "cifar-s2";
    s.method.moco_k = 4096, s.method.moco_m = 0.99, s.method.moco_t = 0.1, s.method.bn_splits = 4;
    s.optimizer.epochs = 10, s.optimizer.batch_size = 128, s.optimizer.lr = 0.06, s.optimizer.wd = 5e-4;
    s.optimizer.cos = true, s.optimizer.lr_per = "step";
    s.knn.every = 2, s.knn.baselines = true;
}

constexpr Preset<PretrainSettings> kPresets[] = {
    {"v1", v1}, {"v2", v2}, {"cifar-demo", cifar_demo}, {"fashion", fashion}};

}  // namespace

std::span<const Preset<PretrainSettings>> PretrainSettings::presets() {
    return kPresets;
}

}  // namespace moco

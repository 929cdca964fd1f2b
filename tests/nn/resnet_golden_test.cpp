// Narrow networks against torchvision: features, gradients, statistics.
#include "tests/nn/resnet_golden.h"

namespace moco::testing {
namespace {

TEST(ResNetGolden, Narrow18) {
    expect_golden({"nn.resnet18_narrow", golden_config("resnet18", 16, Stem::imagenet, 3, 1), 64, 4});
}

TEST(ResNetGolden, Narrow50) {
    expect_golden({"nn.resnet50_narrow", golden_config("resnet50", 8, Stem::imagenet, 3, 1), 64, 4});
}

TEST(ResNetGolden, Cifar34) {
    expect_golden({"nn.resnet34_cifar", golden_config("resnet34", 8, Stem::cifar, 3, 1), 16, 8});
}

TEST(ResNetGolden, SplitBatchNorm) {
    expect_golden({"nn.resnet18_splits", golden_config("resnet18", 16, Stem::cifar_s2, 1, 4), 28, 16});
}

}  // namespace
}  // namespace moco::testing

// Networks of full width against torchvision: features, gradients, statistics.
#include "tests/nn/resnet_golden.h"

namespace moco::testing {
namespace {

TEST(ResNetGolden, Full18) {
    expect_golden({"nn.resnet18", golden_config("resnet18", 64, Stem::imagenet, 3, 1), 64, 4});
}

TEST(ResNetGolden, Full50) {
    expect_golden({"nn.resnet50", golden_config("resnet50", 64, Stem::imagenet, 3, 1), 64, 4});
}

}  // namespace
}  // namespace moco::testing

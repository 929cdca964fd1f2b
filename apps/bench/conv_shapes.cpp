// Which convolutions `moco bench conv` times: ResNets, walked through layer by layer.
#include "apps/bench/conv_shapes.h"

#include <algorithm>

#include "core/error.h"
#include "nn/resnet.h"

namespace moco::apps {
namespace {

struct Net {
    const char* name;
    const char* arch;
    Stem stem;
    int64_t batch, size, width;
};

constexpr Net kNets[] = {
    {"resnet18-cifar", "resnet18", Stem::cifar, 128, 32, 64},
    {"resnet50-224", "resnet50", Stem::imagenet, 16, 224, 64},
    {"fashion", "resnet18", Stem::cifar_s2, 128, 28, 16},
};

/// Follows the images through the network and notes each convolution.
class Walk {
  public:
    Walk(int64_t batch, int64_t size) : N_(batch), size_(size) {}

    /// A convolution that keeps the size but for its stride; what follows works on its result.
    void conv(int64_t OC, int64_t kernel, int64_t stride) {
        note(OC, kernel, stride);
        size_ = (size_ - 1) / stride + 1;
        channels_ = OC;
    }
    void residual_block(BlockKind block, int64_t C, int64_t stride) {
        const int64_t out = block == BlockKind::basic ? C : 4 * C;
        if (stride != 1 || channels_ != out) note(out, 1, stride);  // the shortcut
        if (block == BlockKind::basic) {
            conv(C, 3, stride);
            conv(C, 3, 1);
        } else {
            conv(C, 1, 1);
            conv(C, 3, stride);
            conv(out, 1, 1);
        }
    }
    void pool() { size_ = (size_ - 1) / 2 + 1; }
    std::vector<NamedConv> result() && { return std::move(convolutions_); }

  private:
    void note(int64_t OC, int64_t kernel, int64_t stride) {
        const Conv2dDims d{N_, size_, size_, channels_, OC, kernel, kernel, stride, kernel / 2};
        const auto known = std::ranges::find(convolutions_, d, &NamedConv::d);
        if (known != convolutions_.end()) {
            ++known->times;
        } else {
            convolutions_.push_back({conv_name(d), d, 1});
        }
    }

    int64_t N_, size_, channels_ = 3;
    std::vector<NamedConv> convolutions_;
};

}  // namespace

std::string conv_name(const Conv2dDims& d) {
    const std::string side = d.H == d.W ? fmt::format("{}", d.H) : fmt::format("{}x{}", d.H, d.W);
    return fmt::format("{}x{} {} -> {} @ {}{}", d.KH, d.KW, d.IC, d.OC, side,
                       d.stride == 1 ? "" : fmt::format(" /{}", d.stride));
}

std::vector<NamedConv> convolutions_of(const std::string& name) {
    const Net* net = std::ranges::find(kNets, name, &Net::name);
    if (net == std::end(kNets)) fail("--net {}: expected one of resnet18-cifar, resnet50-224, fashion", name);
    Walk walk(net->batch, net->size);
    const StemShape stem = shape_of(net->stem);
    walk.conv(net->width, stem.kernel, stem.stride);
    if (stem.pool == StemPool::max_3x3_stride_2) walk.pool();
    const ResNetLayout& layout = resnet_layout(net->arch);
    for (size_t stage = 0; stage < layout.blocks.size(); ++stage) {
        for (int block = 0; block < layout.blocks[stage]; ++block) {
            walk.residual_block(layout.block, net->width << stage, stage > 0 && block == 0 ? 2 : 1);
        }
    }
    return std::move(walk).result();
}

}  // namespace moco::apps

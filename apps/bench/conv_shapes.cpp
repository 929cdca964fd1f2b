// Which convolutions `moco bench conv` times: ResNets, walked through layer by layer.
#include "apps/bench/conv_shapes.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace moco::apps {
namespace {

enum class Block { basic, bottleneck };
enum class StemPool { none, max };  // max: 3x3 stride 2, ImageNet's

struct Net {
    const char* name;
    int64_t batch, size, width;
    int64_t stem_kernel, stem_stride;
    StemPool pool;
    Block block;
    std::array<int64_t, 4> blocks;
};

constexpr Net kNets[] = {
    {"resnet18-cifar", 128, 32, 64, 3, 1, StemPool::none, Block::basic, {2, 2, 2, 2}},
    {"resnet50-224", 16, 224, 64, 7, 2, StemPool::max, Block::bottleneck, {3, 4, 6, 3}},
    {"fashion", 128, 28, 16, 3, 2, StemPool::none, Block::basic, {2, 2, 2, 2}},
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
    void residual_block(Block block, int64_t C, int64_t stride) {
        const int64_t out = block == Block::basic ? C : 4 * C;
        if (stride != 1 || channels_ != out) note(out, 1, stride);  // the shortcut
        if (block == Block::basic) {
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
    walk.conv(net->width, net->stem_kernel, net->stem_stride);
    if (net->pool == StemPool::max) walk.pool();
    for (size_t stage = 0; stage < net->blocks.size(); ++stage) {
        for (int64_t block = 0; block < net->blocks[stage]; ++block) {
            walk.residual_block(net->block, net->width << stage, stage > 0 && block == 0 ? 2 : 1);
        }
    }
    return std::move(walk).result();
}

}  // namespace moco::apps

#include "moco/study/published_values.h"

#include "core/parse.h"

namespace moco {
namespace {

// v1: He et al., arXiv:1911.05722, figure 3 (only what its text repeats as numbers) and Sec. 4.1; v2: Chen et al.,
// arXiv:2003.04297, tables 1 and 2.
constexpr PublishedValue kPublished[] = {
    {"moco-k", "mechanism=moco", "4096", 59.0},
    {"moco-k", "mechanism=moco", "16384", 60.4},
    {"moco-k", "mechanism=moco", "65536", 60.6},
    {"moco-k", "mechanism=memory-bank", "65536", 58.0},
    {"moco-m", "", "0.9", 55.2},
    {"moco-m", "", "0.99", 57.8},
    {"moco-m", "", "0.999", 59.0},
    {"moco-m", "", "0.9999", 58.9},
    {"moco-t", "", "0.07", 62.9},
    {"moco-t", "", "0.1", 64.9},
    {"moco-t", "", "0.2", 66.2},
    {"moco-t", "", "0.3", 65.7},
    {"moco-t", "", "0.4", 65.0},
    {"moco-t", "", "0.5", 64.3},
    {"variant", "", "v1", 60.6},
    {"variant", "", "+mlp", 66.2},
    {"variant", "", "+aug", 63.4},
    {"variant", "", "+mlp +aug", 67.3},
    {"variant", "", "+mlp +aug +cos", 67.5},
};

}  // namespace

std::vector<PublishedValue> published_along(std::string_view axis) {
    std::vector<PublishedValue> found;
    for (const PublishedValue& value : kPublished) {
        if (value.axis == axis) found.push_back(value);
    }
    return found;
}

std::string_view published_note(std::string_view axis) {
    if (axis == "moco-m") return "Paper (K = 4096): with m = 0 the loss oscillates and training fails.";
    if (axis == "moco-k") return "Paper (m = 0.999): end-to-end beyond a batch of 1024 does not fit into eight GPUs.";
    if (axis == "moco-t") return "Paper (v2): with the MLP head.";
    if (axis == "shuffle-bn" || axis == "bn-splits") {
        return "Reference code, CIFAR-10, ResNet-18, kNN at 800 epochs: without shuffling about 4 points less.";
    }
    return "";
}

bool same_value(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const std::optional<double> x = parse_number<double>(a), y = parse_number<double>(b);
    return x && y && *x == *y;
}

}  // namespace moco

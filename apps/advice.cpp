#include "apps/advice.h"

#include <fmt/format.h>

#include <algorithm>

namespace moco::apps {

std::vector<std::string> method_advice(const PretrainSettings& s) {
    std::vector<std::string> sentences;
    if (s.method.shuffle_bn && s.method.bn_splits == 1) {
        sentences.push_back(
            "--bn-splits 1: the batch is one group, so shuffling BN (Sec. 3.3) has nothing to shuffle; "
            "--bn-splits 8 is the paper's");
    }
    if (s.method.mechanism == "memory-bank") {
        sentences.push_back(
            "The memory bank begins with random entries: an image's positive tells something of it from the second "
            "epoch on");
    }
    if (s.method.mechanism != "moco") return sentences;
    const int64_t keys = s.optimizer.batch_size * (s.method.symmetric ? 2 : 1);  // that a step enqueues
    sentences.push_back(
        fmt::format("The queue begins with random keys, which are easy to tell apart: a contrast accuracy near 100 % "
                    "means nothing in the first {} steps, until images have replaced them",
                    (s.method.moco_k + keys - 1) / keys));
    return sentences;
}

std::vector<std::string> method_advice(const TrainSettings&) {
    return {};
}

std::vector<std::string> data_advice(const TrainSettings& s, const LoaderPlan& plan) {
    std::vector<std::string> sentences;
    const DatasetInfo& info = plan.data->info();
    const int64_t rest = info.count % s.optimizer.batch_size;
    if (rest > 0 && info.count > rest) {
        sentences.push_back(
            fmt::format("{} images make {} batches of {}: {} images, others in every epoch, are left out of it",
                        info.count, info.count / s.optimizer.batch_size, s.optimizer.batch_size, rest));
    }
    const int64_t side = std::max(info.H, info.W);
    if (side > 0 && plan.size > side) {
        sentences.push_back(
            fmt::format("--image-size {0}: the images of {1} have {2} x {3} pixels and are enlarged; --image-size {4} "
                        "shows the network as much in less time",
                        plan.size, info.name, info.W, info.H, side));
    }
    return sentences;
}

}  // namespace moco::apps

#include "moco/interchange/onnx_resnet.h"

#include <cmath>

#include "core/error.h"
#include "nn/resnet.h"

namespace moco {
namespace {

constexpr float kEpsilon = 1e-5f;  // of batch norm

std::vector<float> floats(const TensorFile& file, const std::string& name) {
    return file.read_floats(file.at(name));
}

/// Batch norm's factor of each channel: gamma / sqrt(variance + eps).
std::vector<float> factors(const TensorFile& file, const std::string& bn) {
    std::vector<float> factors = floats(file, bn + ".weight");
    const std::vector<float> variance = floats(file, bn + ".running_var");
    for (size_t c = 0; c < factors.size(); ++c) factors[c] /= std::sqrt(variance[c] + kEpsilon);
    return factors;
}

std::vector<float> folded_weight(const TensorFile& file, const std::string& conv, const std::string& bn) {
    std::vector<float> weight = floats(file, conv + ".weight");
    const std::vector<float> factor = factors(file, bn);
    const size_t each = weight.size() / factor.size();
    for (size_t i = 0; i < weight.size(); ++i) weight[i] *= factor[i / each];
    return weight;
}

std::vector<float> folded_bias(const TensorFile& file, const std::string& bn) {
    std::vector<float> bias = floats(file, bn + ".bias");
    const std::vector<float> factor = factors(file, bn), mean = floats(file, bn + ".running_mean");
    for (size_t c = 0; c < bias.size(); ++c) bias[c] -= mean[c] * factor[c];
    return bias;
}

/// A network being drawn, from the images to the output.
class Drawing {
  public:
    Drawing(std::shared_ptr<const TensorFile> network, const NetworkConfig& config, const OnnxOptions& options)
        : network_(std::move(network)), config_(config), options_(options) {}

    OnnxGraph draw() {
        const std::string channels = fmt::format("{}", config_.in_channels);
        graph_.input("images", {"N", channels, "H", "W"});
        const std::string map = stages(stem(normalized("images")));
        switch (options_.output) {
            case OnnxOutput::map:
                return finished(map, {"N", features(), "h", "w"});
            case OnnxOutput::backbone:
                return finished(pooled(map), {"N", features()});
            case OnnxOutput::projection:
                return finished(head(pooled(map)), {"N", fmt::format("{}", config_.dim)});
        }
        fail("an output of ONNX graphs that is not drawn");
    }

  private:
    std::string features() const {
        const int64_t last = config_.width << 3;
        return fmt::format("{}", bottleneck() ? 4 * last : last);
    }
    bool bottleneck() const { return resnet_layout(config_.arch).block == BlockKind::bottleneck; }

    /// The file's tensor, as a weight of the graph under its name.
    std::string weight(const std::string& name) {
        const TensorEntry& entry = network_->at(name);
        graph_.weight(name, entry.shape, [file = network_, &entry] { return file->read_floats(entry); });
        return name;
    }
    std::string numbers(const std::string& name, const std::vector<float>& values) {
        graph_.weight(name, {1, static_cast<int64_t>(values.size()), 1, 1}, [values] { return values; });
        return name;
    }

    std::string normalized(const std::string& x) {
        if (!options_.normalization) return x;
        const std::string centred = graph_.node("Sub", "centred", {x, numbers("mean", options_.normalization->mean)});
        return graph_.node("Div", "normalized", {centred, numbers("deviation", options_.normalization->deviation)});
    }

    std::string conv_bn(const std::string& x, const std::string& conv, const std::string& bn, int64_t stride) {
        const std::vector<int64_t> shape = network_->at(conv + ".weight").shape;
        const int64_t kernel = shape[2], pad = kernel / 2;
        const std::vector<OnnxAttribute> attributes = {{"kernel_shape", std::vector<int64_t>{kernel, kernel}},
                                                       {"strides", std::vector<int64_t>{stride, stride}},
                                                       {"pads", std::vector<int64_t>{pad, pad, pad, pad}}};
        if (options_.batch_norm == BatchNormNodes::folded) {
            const auto file = network_;
            graph_.weight(conv + ".weight", shape, [file, conv, bn] { return folded_weight(*file, conv, bn); });
            graph_.weight(conv + ".bias", {shape[0]}, [file, bn] { return folded_bias(*file, bn); });
            return graph_.node("Conv", conv, {x, conv + ".weight", conv + ".bias"}, attributes);
        }
        const std::string y = graph_.node("Conv", conv, {x, weight(conv + ".weight")}, attributes);
        return graph_.node("BatchNormalization", bn,
                           {y, weight(bn + ".weight"), weight(bn + ".bias"), weight(bn + ".running_mean"),
                            weight(bn + ".running_var")},
                           {{"epsilon", kEpsilon}});
    }

    std::string stem(const std::string& x) {
        const StemShape shape = shape_of(config_.stem);
        const std::string y = graph_.node("Relu", "relu1", {conv_bn(x, "conv1", "bn1", shape.stride)});
        if (shape.pool == StemPool::none) return y;
        return graph_.node("MaxPool", "maxpool", {y},
                           {{"kernel_shape", std::vector<int64_t>{3, 3}},
                            {"strides", std::vector<int64_t>{2, 2}},
                            {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    }

    std::string block(const std::string& x, const std::string& name, int64_t stride) {
        const int convolutions = bottleneck() ? 3 : 2, strided = bottleneck() ? 2 : 1;
        std::string y = x;
        for (int i = 1; i <= convolutions; ++i) {
            y = conv_bn(y, fmt::format("{}.conv{}", name, i), fmt::format("{}.bn{}", name, i),
                        i == strided ? stride : 1);
            if (i < convolutions) y = graph_.node("Relu", fmt::format("{}.relu{}", name, i), {y});
        }
        const bool changes = network_->find(name + ".downsample.0.weight") != nullptr;
        const std::string shortcut = changes ? conv_bn(x, name + ".downsample.0", name + ".downsample.1", stride) : x;
        return graph_.node("Relu", name + ".out", {graph_.node("Add", name + ".sum", {y, shortcut})});
    }

    std::string stages(std::string x) {
        const ResNetLayout& layout = resnet_layout(config_.arch);
        for (size_t stage = 0; stage < layout.blocks.size(); ++stage) {
            for (int i = 0; i < layout.blocks[stage]; ++i) {
                x = block(x, fmt::format("layer{}.{}", stage + 1, i), i == 0 && stage > 0 ? 2 : 1);
            }
        }
        return x;
    }

    std::string pooled(const std::string& map) {
        return graph_.node("Flatten", "pooled", {graph_.node("GlobalAveragePool", "avgpool", {map})});
    }

    std::string linear(const std::string& x, const std::string& name) {
        return graph_.node("Gemm", name, {x, weight(name + ".weight"), weight(name + ".bias")},
                           {{"transB", int64_t{1}}});
    }

    std::string head(const std::string& x) {
        if (config_.head == Head::linear) return linear(x, "fc");
        return linear(graph_.node("Relu", "fc.1", {linear(x, "fc.0")}), "fc.2");
    }

    OnnxGraph finished(const std::string& x, const OnnxGraph::Extents& shape) {
        constexpr const char* kNames[] = {"features", "projection", "map"};
        graph_.output(graph_.node("Identity", kNames[static_cast<size_t>(options_.output)], {x}), shape);
        return std::move(graph_);
    }

    std::shared_ptr<const TensorFile> network_;
    NetworkConfig config_;
    OnnxOptions options_;
    OnnxGraph graph_;
};

}  // namespace

OnnxGraph draw_resnet(const std::shared_ptr<const TensorFile>& network, const NetworkConfig& config,
                      const OnnxOptions& options) {
    return Drawing(network, config, options).draw();
}

}  // namespace moco

// An encoder as an ONNX graph: images N x C x H x W, N, H and W free.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nn/network.h"
#include "nn/tensor_file.h"

namespace moco {

/// What the graph ends in: pooled features N x d, the head's output N x C, or the last map N x d x h x w.
enum class OnnxOutput { backbone, projection, map };
/// "backbone", "projection", "map"; Error for others, naming --output.
OnnxOutput onnx_output(const std::string& flag);

/// Whether batch norm goes into the convolutions' weights, or stays a node.
enum class BatchNormNodes { kept, folded };

/// One number a channel.
struct InputNormalization {
    std::vector<float> mean, deviation;
};
/// "imagenet", "cifar10", or "M,M,M:S,S,S"; Error for others, naming --normalize, or for another number of channels.
InputNormalization input_normalization(const std::string& flag, int64_t channels);

struct OnnxOptions {
    OnnxOutput output = OnnxOutput::backbone;
    BatchNormNodes batch_norm = BatchNormNodes::kept;
    std::optional<InputNormalization> normalization = {};  // of pixels in 0..1, within the graph
};

/// `network`: a ResNet of `config` by torchvision's names; weights become f32. Throws Error naming the file and a
/// tensor that is missing or of another shape, or where a projection is asked of a network without a head.
void write_onnx(const std::filesystem::path& path, const std::shared_ptr<const TensorFile>& network,
                const NetworkConfig& config, const OnnxOptions& options);

}  // namespace moco

// A ResNet as an ONNX graph. Internal to moco/interchange.
#pragma once

#include <memory>

#include "moco/interchange/onnx_graph.h"
#include "moco/interchange/write_onnx.h"

namespace moco {

/// `network` has all that `config` expects, by torchvision's names.
OnnxGraph draw_resnet(const std::shared_ptr<const TensorFile>& network, const NetworkConfig& config,
                      const OnnxOptions& options);

}  // namespace moco

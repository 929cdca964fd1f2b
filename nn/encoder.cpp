// The only place that knows which encoders exist: all are ResNets so far, whose table knows their names.
#include "nn/encoder.h"

#include "nn/resnet.h"

namespace moco {

std::unique_ptr<Encoder> make_encoder(const EncoderConfig& config, Initializer& init) {
    return std::make_unique<ResNet>(config, init);
}

const std::vector<std::string>& encoder_names() {
    return resnet_names();
}

}  // namespace moco

#include "moco/train/settings/train_settings.h"

#include "nn/precision.h"

namespace moco {

NetworkConfig classifier_network(const TrainSettings& s, int64_t bn_splits, int64_t in_channels, int64_t classes) {
    NetworkConfig config;
    static_cast<EncoderConfig&>(config) = encoder_config(s.encoder, in_channels);
    config.head = Head::linear;
    config.dim = classes;
    config.bn_splits = bn_splits / s.optimizer.accumulate;
    config.precision = precision_from_name(s.run.precision);
    return config;
}

}  // namespace moco

#include "moco/interchange/write_onnx.h"

#include "core/error.h"
#include "core/parse.h"
#include "moco/interchange/onnx_resnet.h"
#include "moco/interchange/resnet_keys.h"

namespace moco {
namespace {

/// Every key that the graph needs, in its shape.
void check_keys(const TensorFile& network, const NetworkConfig& config) {
    for (const ExpectedKey& key : expected_keys(config)) {
        if (key.name.ends_with("num_batches_tracked")) continue;
        const TensorEntry& entry = network.at(key.name);
        check(entry.shape == key.shape,
              "{}: {} has shape {} in the file, {} was expected; it belongs to another network",
              network.path().string(), network.called(entry), shape_text(entry.shape), shape_text(key.shape));
    }
}

/// "0.5,0.5,0.5": nothing where that is no list of numbers.
std::optional<std::vector<float>> parse_numbers(std::string_view text) {
    std::vector<float> numbers;
    while (true) {
        const size_t comma = std::min(text.find(','), text.size());
        const std::optional<double> number = parse_double(text.substr(0, comma));
        if (!number) return std::nullopt;
        numbers.push_back(static_cast<float>(*number));
        if (comma == text.size()) return numbers;
        text.remove_prefix(comma + 1);
    }
}

}  // namespace

OnnxOutput onnx_output(const std::string& flag) {
    if (flag == "backbone") return OnnxOutput::backbone;
    if (flag == "projection") return OnnxOutput::projection;
    check(flag == "map", "--output {}: expected backbone, projection or map", flag);
    return OnnxOutput::map;
}

InputNormalization input_normalization(const std::string& flag, int64_t channels) {
    InputNormalization made;
    if (flag == "imagenet") {
        made = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
    } else if (flag == "cifar10") {
        made = {{0.4914f, 0.4822f, 0.4465f}, {0.2023f, 0.1994f, 0.2010f}};
    } else {
        const size_t colon = std::min(flag.find(':'), flag.size());
        const auto mean = parse_numbers(std::string_view(flag).substr(0, colon));
        const auto deviation = parse_numbers(std::string_view(flag).substr(std::min(colon + 1, flag.size())));
        check(mean && deviation, "--normalize {}: expected imagenet, cifar10, or means and deviations (M,M,M:S,S,S)",
              flag);
        made = {*mean, *deviation};
    }
    check(static_cast<int64_t>(made.mean.size()) == channels && made.mean.size() == made.deviation.size(),
          "--normalize {}: {} means and {} deviations, the encoder takes images of {} channels", flag, made.mean.size(),
          made.deviation.size(), channels);
    for (const float deviation : made.deviation)
        check(deviation > 0, "--normalize {}: a deviation is not positive", flag);
    return made;
}

void write_onnx(const std::filesystem::path& path, const std::shared_ptr<const TensorFile>& network,
                const NetworkConfig& config, const OnnxOptions& options) {
    check_keys(*network, config);
    check(options.output != OnnxOutput::projection || config.head != Head::none,
          "--output projection: {} has no head, only a backbone", network->path().string());
    draw_resnet(network, config, options).write(path);
}

}  // namespace moco

#include "moco/train/settings/encoder.h"

#include "moco/train/settings/checks.h"

namespace moco {

void add_rows(SettingTable& table, EncoderSettings& encoder, std::string_view heading) {
    static const std::string kArchitectures = fmt::format("one of {}", fmt::join(encoder_names(), ", "));
    table.group(heading)
        .add("arch", "NAME", encoder.arch, kArchitectures)
        .add("width", "CHANNELS", encoder.width, "channels of the first stage; ResNet's is 64")
        .add("stem", "imagenet|cifar|cifar-s2", encoder.stem,
             "first layers: 7x7 stride 2 and max-pool, 3x3, or 3x3 stride 2")
        .add("stem-init", "kaiming|uniform", encoder.stem_init,
             "first convolution: normal by fan-out, or uniform within 1/sqrt(fan-in)");
}

void validate(const EncoderSettings& e, int64_t image_size) {
    const std::vector<std::string>& names = encoder_names();
    check(std::find(names.begin(), names.end(), e.arch) != names.end(),
          "--arch {}: there is no such architecture; expected one of {}", e.arch, fmt::join(names, ", "));
    check_one_of("stem", e.stem, stem_names());
    check_one_of("stem-init", e.stem_init, {"kaiming", "uniform"});
    check_at_least("width", e.width, 1);
    const int64_t kernel = shape_of(stem_from_name(e.stem)).kernel;
    check(image_size >= kernel, "--image-size {} is smaller than the {}x{} kernel of --stem {}", image_size, kernel,
          kernel, e.stem);
}

void check_statistics(const EncoderSettings& e, int64_t image_size, int64_t images) {
    const StemShape stem = shape_of(stem_from_name(e.stem));
    const int64_t stages = 8;  // three of the four halve their maps
    const int64_t stride = stem.stride * (stem.pool == StemPool::none ? 1 : 2) * stages;
    check(images > 1 || image_size > stride,
          "--bn-splits leaves one image a split, and --image-size {} ends in maps of one pixel with --stem {}: batch "
          "norm needs two values or more; take fewer splits, or images of more than {} pixels",
          image_size, e.stem, stride);
}

EncoderConfig encoder_config(const EncoderSettings& e, int64_t in_channels) {
    EncoderConfig config;
    config.arch = e.arch;
    config.stem = stem_from_name(e.stem);
    config.stem_init = e.stem_init == "uniform" ? ConvInit::uniform : ConvInit::kaiming_normal;
    config.width = e.width;
    config.in_channels = in_channels;
    return config;
}

}  // namespace moco

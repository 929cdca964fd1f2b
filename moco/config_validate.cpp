// What cannot work, said in one sentence that names the flags, before anything is built or written.
#include <algorithm>
#include <cmath>

#include "core/conv_algorithm.h"
#include "core/error.h"
#include "moco/config.h"
#include "moco/data/augmentation.h"
#include "moco/data/dataset.h"
#include "nn/resnet.h"

namespace moco {
namespace {

void check_at_least(std::string_view flag, int64_t value, int64_t least) {
    check(value >= least, "--{} {}: it must be at least {}", flag, value, least);
}

/// `allowed` describes what `good` tests.
void check_real(std::string_view flag, double value, bool good, std::string_view allowed) {
    check(std::isfinite(value) && good, "--{} {}: it must be {}", flag, value, allowed);
}

void check_one_of(std::string_view flag, const std::string& value, std::initializer_list<std::string_view> names) {
    check(std::ranges::find(names, value) != names.end(), "--{} {}: expected one of {}", flag, value,
          fmt::join(names, ", "));
}

/// The flags that change a number of the recipe. What they amount to together, check_recipe looks at.
void check_augmentation(const RunConfig& c) {
    check_one_of("aug", c.aug, {"v1", "v2", "demo", "fashion"});
    const auto within = [](std::string_view flag, const std::optional<double>& value, double least, double most) {
        if (value) check_real(flag, *value, *value >= least && *value <= most, fmt::format("in {}..{}", least, most));
    };
    within("crop-min", c.crop_min, 0, 1);
    within("crop-max", c.crop_max, 0, 1);
    within("brightness", c.brightness, 0, 10);
    within("contrast", c.contrast, 0, 10);
    within("saturation", c.saturation, 0, 10);
    within("hue", c.hue, 0, 0.5);
    within("jitter-p", c.jitter_p, 0, 1);
    within("grayscale-p", c.grayscale_p, 0, 1);
    within("blur-p", c.blur_p, 0, 1);
    within("flip-p", c.flip_p, 0, 1);
    check_recipe(augmentation_recipe(c));
}

void check_encoder(const RunConfig& c) {
    check(std::ranges::find(resnet_names(), c.arch) != resnet_names().end(),
          "--arch {}: there is no such architecture; expected one of {}", c.arch, fmt::join(resnet_names(), ", "));
    check_one_of("stem", c.stem, {name_of(Stem::imagenet), name_of(Stem::cifar), name_of(Stem::cifar_s2)});
    check_one_of("stem-init", c.stem_init, {"kaiming", "uniform"});
    check_at_least("width", c.width, 1);
    check_at_least("moco-dim", c.moco_dim, 1);
    const int64_t kernel = stem_from_name(c.stem) == Stem::imagenet ? 7 : 3;
    check(c.image_size >= kernel, "--image-size {} is smaller than the {}x{} kernel of --stem {}", c.image_size, kernel,
          kernel, c.stem);
}

void check_method(const RunConfig& c) {
    check_at_least("batch-size", c.batch_size, 1);
    check_at_least("moco-k", c.moco_k, 1);
    check(c.moco_k >= c.batch_size,
          "--moco-k {} is smaller than --batch-size {}: the queue must hold at least one batch (paper, Sec. 3.2)",
          c.moco_k, c.batch_size);
    check(!c.symmetric || c.moco_k >= 2 * c.batch_size,
          "--moco-k {} is smaller than twice --batch-size {}: --symmetric enqueues the keys of both views", c.moco_k,
          c.batch_size);
    check_real("moco-m", c.moco_m, c.moco_m >= 0 && c.moco_m <= 1, "in 0..1 (0.999 is the paper's)");
    check_real("moco-t", c.moco_t, c.moco_t > 0, "above 0 (0.07 is the first paper's)");
    check_at_least("bn-splits", c.bn_splits, 1);
    check(c.batch_size % c.bn_splits == 0,
          "--bn-splits {} does not divide --batch-size {}: every group needs as many images", c.bn_splits,
          c.batch_size);
}

void check_optimisation(const RunConfig& c) {
    check_at_least("epochs", c.epochs, 1);
    check_real("lr", c.lr, c.lr >= 0, "at least 0");
    check_real("momentum", c.momentum, c.momentum >= 0 && c.momentum < 1, "in 0..1, below 1");
    check_real("wd", c.wd, c.wd >= 0, "at least 0");
    check_one_of("lr-per", c.lr_per, {"epoch", "step"});
    check(c.lr_first_epoch == 0 || c.lr_first_epoch == 1, "--lr-first-epoch {}: it must be 0 or 1", c.lr_first_epoch);
    check(std::ranges::is_sorted(c.schedule) && (c.schedule.empty() || c.schedule.front() >= 0),
          "--schedule {}: the epochs must be in ascending order, at least 0", fmt::join(c.schedule, ","));
}

void check_run(const RunConfig& c) {
    conv_algorithm_from_name(c.conv);
    precision_from_name(c.precision);
    check_at_least("knn-every", c.knn_every, 0);
    check_at_least("knn-k", c.knn_k, 1);
    check_real("knn-t", c.knn_t, c.knn_t > 0, "above 0");
    check_at_least("log-every", c.log_every, 1);
    check_at_least("max-steps", c.max_steps, 0);
    check_at_least("checkpoint-every-steps", c.checkpoint_every_steps, 0);
    check_at_least("keep-every", c.keep_every, 0);
    check_one_of("device", c.device, {"auto", "cpu", "cuda"});
    check_one_of("augment-on", c.augment_on, {"device", "cpu"});
    check_at_least("threads", c.threads, 0);
    check_at_least("workers", c.workers, 0);
}

}  // namespace

void validate(const RunConfig& config) {
    preset(config.preset);
    check(!config.data.empty(), "--data is missing; it names the images to train on: {}", dataset_forms());
    check_encoder(config);
    check_method(config);
    check_optimisation(config);
    check_run(config);
    check_augmentation(config);
}

void validate(const RunConfig& config, const DatasetInfo& train) {
    validate(config);
    check(train.count >= config.batch_size, "--data {} has {} images, fewer than one --batch-size {}", config.data,
          train.count, config.batch_size);
}

}  // namespace moco

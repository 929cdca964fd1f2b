// The table of settings: each named once, for flags, files, checkpoints and the check on resume.
#include <type_traits>

#include "core/error.h"
#include "moco/config.h"
#include "moco/data/dataset.h"

namespace moco {
namespace {

/// What an error calls the type of a setting.
template <typename T>
constexpr std::string_view kExpected = "a number";
template <>
constexpr std::string_view kExpected<bool> = "true or false";
template <>
constexpr std::string_view kExpected<int64_t> = "a whole number";
template <>
constexpr std::string_view kExpected<uint64_t> = "a whole number of at least 0";
template <>
constexpr std::string_view kExpected<std::string> = "a text";
template <>
constexpr std::string_view kExpected<std::vector<int64_t>> = "a list of whole numbers";

template <typename T>
OptionValue to_value(const T& value) {
    if constexpr (std::is_same_v<T, std::optional<double>>) {
        return value ? OptionValue(*value) : OptionValue();
    } else if constexpr (std::is_same_v<T, uint64_t>) {
        return static_cast<int64_t>(value);
    } else {
        return value;
    }
}

/// Takes `value` into `target`; false if its type does not fit.
template <typename T>
bool assign(T& target, const OptionValue& value) {
    using Stored = std::conditional_t<std::is_same_v<T, std::optional<double>>, double,
                                      std::conditional_t<std::is_same_v<T, uint64_t>, int64_t, T>>;
    const int64_t* whole = std::get_if<int64_t>(&value);
    if constexpr (std::is_same_v<Stored, double>) {
        if (whole) {
            target = static_cast<double>(*whole);
            return true;
        }
    }
    if constexpr (std::is_same_v<T, uint64_t>) {
        if (whole && *whole < 0) return false;
    }
    if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
        if (whole) {
            target = {*whole};
            return true;
        }
    }
    const Stored* stored = std::get_if<Stored>(&value);
    if (stored) target = static_cast<T>(*stored);
    return stored != nullptr;
}

class Table {
  public:
    Table& group(std::string_view name) {
        group_ = name;
        return *this;
    }
    template <typename T>
    Table& add(std::string_view name, std::string_view argument, T RunConfig::*member, std::string_view help,
               Decides decides = Decides::method, OnResume on_resume = OnResume::fixed) {
        rows_.push_back({name, group_, argument, help, decides, on_resume,
                         [member](const RunConfig& config) { return to_value(config.*member); },
                         [member](RunConfig& config, const OptionValue& value) {
                             check(assign(config.*member, value), "expected {}", kExpected<T>);
                         }});
        return *this;
    }
    std::vector<ConfigOption> rows() && { return std::move(rows_); }

  private:
    std::string_view group_ = "Preset";
    std::vector<ConfigOption> rows_;
};

std::vector<ConfigOption> make_table() {
    using C = RunConfig;
    constexpr auto run = Decides::run;
    constexpr auto machine = Decides::machine;
    Table t;
    t.add("preset", "v1|v2|cifar-demo|fashion", &C::preset, "settings to start from; file and flags change them", run);

    t.group("Data and augmentation")
        .add("data", "D", &C::data, "the data set: fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shapes[:N], ...", run)
        .add("image-size", "PIXELS", &C::image_size, "side of an augmented view, pixels")
        .add("aug", "v1|v2|demo|fashion", &C::aug, "recipe of the augmented views")
        .add("aug-plus", "", &C::aug_plus, "MoCo v2's jitter and blur with the recipe's crop")
        .add("crop-min", "SHARE", &C::crop_min, "smallest crop, as a share of the image's area [the recipe's]")
        .add("crop-max", "SHARE", &C::crop_max, "largest crop, as a share of the image's area [the recipe's]")
        .add("brightness", "S", &C::brightness, "jitter: factor uniform in 1-S..1+S [the recipe's]")
        .add("contrast", "S", &C::contrast, "jitter: factor uniform in 1-S..1+S [the recipe's]")
        .add("saturation", "S", &C::saturation, "jitter: factor uniform in 1-S..1+S [the recipe's]")
        .add("hue", "S", &C::hue, "jitter: turn of the colour wheel uniform in -S..S [the recipe's]")
        .add("jitter-p", "P", &C::jitter_p, "probability of the jitter [the recipe's]")
        .add("grayscale-p", "P", &C::grayscale_p, "probability of grey [the recipe's]")
        .add("blur-p", "P", &C::blur_p, "probability of the blur [the recipe's]")
        .add("flip-p", "P", &C::flip_p, "probability of the horizontal flip [the recipe's]");

    t.group("Encoder (f_q, f_k)")
        .add("arch", "NAME", &C::arch, "resnet18, resnet34, resnet50, resnet101 or resnet152")
        .add("width", "CHANNELS", &C::width, "channels of the first stage; ResNet's is 64")
        .add("stem", "imagenet|cifar|cifar-s2", &C::stem,
             "first layers: 7x7 stride 2 and max-pool, 3x3, or 3x3 stride 2")
        .add("stem-init", "kaiming|uniform", &C::stem_init,
             "first convolution: normal by fan-out, or uniform within 1/sqrt(fan-in)")
        .add("mlp", "", &C::mlp, "MoCo v2's head Linear-ReLU-Linear instead of Linear")
        .add("moco-dim", "C", &C::moco_dim, "feature dimension (C)");

    t.group("Method")
        .add("moco-k", "K", &C::moco_k, "keys in the queue, the negatives (K)")
        .add("moco-m", "M", &C::moco_m, "momentum of the key encoder (m)")
        .add("moco-t", "T", &C::moco_t, "temperature of the softmax (tau)")
        .add("symmetric", "", &C::symmetric, "sum the losses of both directions, view 1 to 2 and 2 to 1")
        .add("bn-splits", "S", &C::bn_splits, "groups of the batch with batch norm statistics of their own (the GPUs)")
        .add("shuffle-bn", "", &C::shuffle_bn, "permute the key batch over the groups (Sec. 3.3)");

    t.group("Optimisation")
        .add("epochs", "N", &C::epochs, "passes over the data", Decides::method, OnResume::may_grow)
        .add("batch-size", "N", &C::batch_size, "images a step (N)")
        .add("lr", "RATE", &C::lr, "base learning rate")
        .add("cos", "", &C::cos, "cosine schedule from the base rate to 0")
        .add("schedule", "E,E,...", &C::schedule, "without --cos: epochs at which the rate falls to a tenth")
        .add("lr-per", "epoch|step", &C::lr_per, "how often the schedule moves the rate")
        .add("lr-first-epoch", "0|1", &C::lr_first_epoch, "number of the first epoch in the schedule (CIFAR demo: 1)")
        .add("momentum", "X", &C::momentum, "momentum of SGD")
        .add("wd", "X", &C::wd, "weight decay, on every parameter");

    t.group("Monitoring")
        .add("knn-every", "EPOCHS", &C::knn_every, "epochs between kNN evaluations; 0: never")
        .add("knn-k", "N", &C::knn_k, "neighbours that vote")
        .add("knn-t", "X", &C::knn_t, "temperature of the votes' weights")
        .add("knn-baselines", "", &C::knn_baselines,
             "first the kNN accuracy of raw pixels and of the untrained network")
        .add("log-every", "STEPS", &C::log_every, "steps between lines of metrics.jsonl");

    t.group("Run")
        .add("seed", "N", &C::seed, "seed of every random number")
        .add("conv", "auto|direct|winograd", &C::conv,
             "how convolutions are computed; auto: what is faster for the shape; the last bits differ")
        .add("precision", "f32|tf32|bf16", &C::precision,
             "what training computes in; bf16: activations of 16 bits, for AVX512_BF16 or sm_80; tf32: sm_80 only")
        .add("out", "FOLDER", &C::out, "run folder [runs/PRESET]", run, OnResume::free)
        .add("init", "FILE", &C::init, "warm start: both encoders from this checkpoint or torchvision file", run)
        .add("max-steps", "N", &C::max_steps, "stop after N steps in all; 0: no limit", run, OnResume::may_grow)
        .add("checkpoint-every-steps", "N", &C::checkpoint_every_steps,
             "steps between checkpoints, besides one an epoch; 0: none", run)
        .add("keep-every", "EPOCHS", &C::keep_every, "epochs between checkpoints that are kept; 0: only the last", run);

    t.group("Machine (changes nothing but the rounding)")
        .add("device", "auto|cpu|cuda", &C::device, "where to compute", machine, OnResume::free)
        .add("augment-on", "device|cpu", &C::augment_on,
             "what makes the views, of the same draws: the device that trains, or the processor for it", machine,
             OnResume::free)
        .add("cuda-graph", "", &C::cuda_graph, "replay the training step as one CUDA graph (--device cuda)", machine,
             OnResume::free)
        .add("threads", "N", &C::threads, "compute threads; 0: one per core", machine, OnResume::free)
        .add("workers", "N", &C::workers, "threads that load images; 0: none of their own", machine, OnResume::free);
    return std::move(t).rows();
}

}  // namespace

std::span<const ConfigOption> config_options() {
    static const std::vector<ConfigOption> table = make_table();
    return table;
}

}  // namespace moco

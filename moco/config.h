// One run's settings: every flag of `moco pretrain`, the presets, the TOML file, and what is impossible.
//
// A single table (config_options) names each setting once; flags, files, presets and the check on resume all go
// through it. Values are layered: default < preset < file < flag.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace moco {

/// All settings of one pretraining run. The defaults are those of the first paper's ImageNet run (preset v1). Names
/// are the flags' with underscores; the paper's symbol stands in parentheses.
struct RunConfig {
    std::string preset = "v1";  // the layer below file and flags: v1, v2, cifar-demo, fashion

    // ---- data and augmentation ----
    std::string data;          // --data: fashion-mnist[:DIR], cifar10:DIR, folder:DIR, shapes[:N], ...
    int64_t image_size = 224;  // side of an augmented view, pixels
    std::string aug = "v1";    // recipe of the views: v1, v2, demo, fashion
    bool aug_plus = false;     // v2's jitter and blur with the recipe's crop
    std::optional<double>
        crop_min;  // smallest crop as a share of the image's area; unset, here and below: the recipe's
    std::optional<double> crop_max;
    std::optional<double> brightness, contrast, saturation, hue;  // strengths of the jitter
    std::optional<double> jitter_p, grayscale_p, blur_p, flip_p;  // probabilities

    // ---- the encoders f_q, f_k ----
    std::string arch = "resnet50";      // resnet18, 34, 50, 101, 152
    int64_t width = 64;                 // channels of the first stage
    std::string stem = "imagenet";      // imagenet (7x7 stride 2, max-pool), cifar (3x3), cifar-s2 (3x3 stride 2)
    std::string stem_init = "kaiming";  // of the stem convolution: kaiming (normal, fan-out), uniform (1/sqrt(fan-in))
    bool mlp = false;                   // head Linear-ReLU-Linear (v2) instead of Linear (v1)
    int64_t moco_dim = 128;             // feature dimension (C)

    // ---- the method ----
    int64_t moco_k = 65536;  // keys in the queue (K)
    double moco_m = 0.999;   // momentum of the key encoder (m)
    double moco_t = 0.07;    // temperature (T)
    bool symmetric = false;  // loss(x1 -> x2) + loss(x2 -> x1)
    int64_t bn_splits = 8;   // batch norm statistics over batch_size / bn_splits samples (the paper's GPUs)
    bool shuffle_bn = true;  // permute the keys over the splits (Sec. 3.3)

    // ---- optimisation ----
    int64_t epochs = 200;
    int64_t batch_size = 256;                    // images a step (N)
    double lr = 0.03;                            // base learning rate
    bool cos = false;                            // cosine schedule instead of steps
    std::vector<int64_t> schedule = {120, 160};  // epochs after which the learning rate falls to a tenth
    std::string lr_per = "epoch";                // the learning rate is set once an: epoch, step
    int64_t lr_first_epoch = 0;                  // number of the first epoch in the schedule: 0, or 1 (the CIFAR demo)
    double momentum = 0.9;                       // of SGD
    double wd = 1e-4;                            // weight decay, on every parameter

    // ---- monitoring ----
    int64_t knn_every = 10;      // epochs between kNN evaluations; 0: never
    int64_t knn_k = 200;         // neighbours that vote
    double knn_t = 0.1;          // temperature of their weights exp(similarity / t)
    bool knn_baselines = false;  // before training: kNN of raw pixels and of the untrained network
    int64_t log_every = 10;      // steps between lines of metrics.jsonl

    // ---- the run ----
    uint64_t seed = 0;
    std::string conv = "auto";           // how convolutions are computed: auto (by shape), direct, winograd
    std::string precision = "f32";       // what training computes in: f32, tf32, bf16 (core/dims.h)
    std::string out;                     // run folder; empty: runs/PRESET
    std::string init;                    // checkpoint to start both encoders from (warm start); empty: none
    int64_t max_steps = 0;               // stop after so many steps in all; 0: no limit
    int64_t checkpoint_every_steps = 0;  // besides the one at each epoch's end; 0: none
    int64_t keep_every = 0;              // epochs between checkpoints that are kept; 0: only the last

    // ---- the machine (nothing here changes more of a result than the rounding) ----
    std::string device = "auto";        // auto, cpu, cuda
    std::string augment_on = "device";  // where views are made: device (the one that trains), cpu; from the same draws
    bool cuda_graph = false;            // replay the step as one CUDA graph
    int64_t threads = 0;                // compute threads; 0: one per core
    int64_t workers = 1;                // loader threads; 0: load within the training thread

    bool operator==(const RunConfig&) const = default;
};

/// What a setting holds, as files and flags write it; monostate: unset.
using OptionValue = std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<int64_t>>;

/// What a setting decides. method: the run's numbers; it stands in checkpoints. run: where data and results lie and
/// what is kept and shown. machine: how fast the same numbers come.
enum class Decides { method, run, machine };

/// Whether `--resume` may change a setting.
enum class OnResume { fixed, free, may_grow };

/// One row of the table of settings.
struct ConfigOption {
    std::string_view name;      // "moco-k": the flag --moco-k, the key moco-k in a file
    std::string_view group;     // heading in --help
    std::string_view argument;  // "N", "FILE", "epoch|step"; empty for an on/off setting (--name, --no-name)
    std::string_view help;      // one sentence with the unit and the paper's symbol
    Decides decides;
    OnResume on_resume;
    std::function<OptionValue(const RunConfig&)> get;
    /// Throws Error ("expected a whole number") if the value is of another type; a whole number will do for a real one.
    std::function<void(RunConfig&, const OptionValue&)> set;
};

/// The table, in the order of --help and of config.toml. `preset` is its first row.
std::span<const ConfigOption> config_options();

/// Sets one setting from a flag's text ("0.03", "true", "120,160"). Throws Error naming the flag (and, for an unknown
/// one, the nearest known).
void set_option(RunConfig& config, std::string_view name, std::string_view text);

/// The names of the presets, and one of them as a whole configuration. Throws Error listing them for an unknown name.
std::span<const std::string_view> preset_names();
RunConfig preset(std::string_view name);

/// Where a configuration comes from. `flags`: (name without dashes, text), in the order given.
struct ConfigSources {
    std::optional<std::filesystem::path> file;
    std::vector<std::pair<std::string, std::string>> flags;
};
/// default < preset (from the flags, else from the file) < file < flags. Does not validate.
RunConfig resolve_config(const ConfigSources& sources);

/// The configuration as TOML: every setting, grouped and commented; a valid --config.
std::string to_toml(const RunConfig& config);
/// Sets what `text` holds on top of `config`. Unknown keys are errors that name the nearest known key; `name` says
/// where the text comes from.
void from_toml(RunConfig& config, std::string_view text, std::string_view name);
/// The preset a TOML text names, if any.
std::optional<std::string> preset_of_toml(std::string_view text, std::string_view name);

struct DatasetInfo;
/// Throws Error, one sentence naming the flags, for settings that cannot work: K < batch, splits that do not divide the
/// batch, an unknown architecture, ... The second form also holds them against the data set.
void validate(const RunConfig& config);
void validate(const RunConfig& config, const DatasetInfo& train);

/// The configuration with which `run` (as written in a run folder) goes on, changed by `flags`. Throws Error with both
/// values where a flag changes what must stay.
RunConfig config_for_resume(const RunConfig& run, const std::vector<std::pair<std::string, std::string>>& flags);

struct ResNetConfig;
struct Schedule;
struct Recipe;
/// The parts of the house that a configuration describes. Throw Error for unknown names, as validate does.
ResNetConfig encoder_config(const RunConfig& config, int64_t in_channels);
Schedule learning_rate_schedule(const RunConfig& config);
Recipe augmentation_recipe(const RunConfig& config);

}  // namespace moco

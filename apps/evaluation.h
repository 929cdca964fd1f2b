// What the commands that look at a trained encoder share: which encoder, which images, under which transform.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/command.h"
#include "apps/device.h"
#include "moco/data/dataset.h"
#include "moco/data/transforms.h"
#include "moco/eval/features.h"
#include "moco/tasks/weights.h"
#include "moco/train/settings/views.h"

namespace moco::apps {

/// A checkpoint file as it was named: a run folder stands for its last checkpoint.
std::filesystem::path checkpoint_file(const std::string& named);

/// "grey", "RGB", "5-channel".
std::string kind_of_images(int64_t channels);

/// --max-pixels, --depth-range, --exif: how files are decoded.
void add_decoding_flags(const Command& command, DataSettings& data);
/// --labels-from, --test-part: what is asked of a folder besides.
void add_folder_flags(const Command& command, DataSettings& data);
/// --workers.
void add_workers_flag(const Command& command, int& workers);
/// Throws Error for a number that cannot be.
void check_workers(int workers);

struct EvaluationFlags {
    std::string checkpoint, transform = "default";
    DataSettings data;
    BareFileHints hints;
    int workers = 1;
    int64_t limit = 0;
    DeviceFlags device;

    void add_to(const Command& command);
    /// All but which network: the images, and where to compute.
    void add_images_to(const Command& command);
};

/// The flags' meaning, opened.
struct Evaluation {
    std::unique_ptr<Backend> backend;  // first: the last to go
    std::unique_ptr<Network> network;
    uint64_t seed = 0;  // that its training started from; 0 where the file does not say
    Splits splits;
    EvalTransform transform;
    FeatureOptions options;
};
Evaluation open_evaluation(const EvaluationFlags& flags);

/// Everything but the network.
Evaluation open_images(const EvaluationFlags& flags);
/// The network of flags.checkpoint on the images of `e`, and how it sees them. Throws Error where it takes others.
struct EvaluatedNetwork {
    std::unique_ptr<Network> network;
    uint64_t seed = 0;
    EvalTransform transform;
};
EvaluatedNetwork open_evaluated_network(const EvaluationFlags& flags, const Evaluation& e);

/// Features of `data` with a line of progress on stderr, where that is a terminal. Says on stderr which images could
/// not be read, and what is worth saying of the others.
Features features_of(Network& network, const DatasetPtr& data, const std::vector<FeatureLayer>& layers,
                     const Evaluation& evaluation);

/// Says on stderr which images could not be read.
void report_unreadable(const std::vector<Unreadable>& unreadable);

}  // namespace moco::apps

// Weights of files as networks: checkpoints of every task, and files of other programs.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "moco/interchange/found_network.h"
#include "moco/interchange/key_report.h"
#include "moco/train/checkpoint.h"
#include "moco/train/settings/table.h"
#include "nn/network.h"

namespace moco {

/// What a checkpoint tells of the network that it holds.
struct TrainedNetwork {
    NetworkConfig config;
    std::string encoder_prefix, head_prefix;  // of the tensors in the file
    int64_t image_size = 0;                   // that it was trained at
    uint64_t seed = 0;
};

/// The network of a checkpoint of ours: f_q of pretraining, the encoder with its classifier of supervised training.
/// Throws Error naming the file for a command that this program does not know.
TrainedNetwork network_of(const TensorFile& file);

/// The settings in a checkpoint of ours that decide results, by name.
std::vector<std::pair<std::string, SettingValue>> settings_of(const TensorFile& file);

/// How many numbers are trained, of one encoder where there are two: in checkpoints of ours what has a momentum, in
/// other files, by our names, what is no statistic.
int64_t parameters_in(const TensorFile& file);

/// What another program's file does not tell. Ignored for checkpoints of ours.
struct BareFileHints {
    std::optional<std::string> arch = {};  // refused where shapes tell another
    std::optional<std::string> stem = {};  // of a 3x3 first convolution: cifar (default) or cifar-s2
    WhichEncoder encoder = WhichEncoder::usual;
};

/// What `path` holds: a checkpoint of ours, or another program's file (moco/interchange/open_tensors.h,
/// found_network.h), whose image size is 224, or 32 with a 3x3 stem. Throws Error naming the file, or for another
/// architecture than hints name.
TrainedNetwork described(const std::filesystem::path& path, const BareFileHints& hints);

/// A network for evaluation, in eval mode: that of a checkpoint of ours, or of another program's file, whose head may
/// be absent or of any size. Throws Error naming the file and what does not fit.
std::unique_ptr<Network> load_network(const std::filesystem::path& path, const BareFileHints& hints, Backend& backend);

/// The network in a file by torchvision's names, not loaded: encoder, and head under "fc.".
struct NetworkFile {
    std::shared_ptr<const TensorFile> whole, network;
    NetworkConfig config;
    std::string layout;  // whose names the file has
};
/// Throws Error as described(), or where the file has no momentum encoder and hints ask for it.
NetworkFile open_network(const std::filesystem::path& path, const BareFileHints& hints);

/// Another program's file, key by key. Throws Error as described().
struct ForeignReport {
    FoundNetwork found;
    NetworkConfig config;
    std::vector<KeyRow> keys;
    int64_t parameters = 0;  // of the network
};
ForeignReport foreign_report(const std::filesystem::path& path, const BareFileHints& hints);

/// Warm start (--init): parameters and statistics of a file into `f`. A head is only taken from another pretraining
/// run, ours or the reference code's (there where it is of the same kind and size), where `head` says so. Throws Error
/// naming the file and what does not fit (the images' channels too).
enum class WarmHead { from_pretraining, fresh };
void warm_start(const std::filesystem::path& path, Network& f, WarmHead head);

}  // namespace moco

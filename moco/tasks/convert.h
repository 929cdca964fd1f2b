// Weights for other programs: their names, their files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "moco/interchange/found_network.h"
#include "nn/tensor_file.h"

namespace moco {

/// Whose names the written file has. `reference` is the reference code's, whose file is a checkpoint to resume from.
enum class Naming { torchvision, timm, reference, detectron2, mmpretrain, safetensors };
/// "torchvision", "timm", "moco", "detectron2", "mmpretrain", "safetensors"; Error for others, naming --to.
Naming naming_from(const std::string& flag);

/// What is left out: nothing that the naming has a place for; or the head, and of the reference code's checkpoint the
/// momentum encoder, queue and optimizer.
enum class Strip { nothing, all_but_backbone };

struct ConvertOptions {
    Naming naming = Naming::torchvision;
    WhichEncoder encoder = WhichEncoder::usual;
    Strip strip = Strip::nothing;
    std::optional<FileDType> dtype = {};  // of floating-point tensors; nothing: as they are
};

struct Converted {
    std::string layout;  // of the file that was read
    std::string arch;
    int64_t tensors = 0;
    std::vector<std::string> notes;  // what was left out that a reader might miss
};

/// Reads any file of weights or checkpoint and writes `out`, atomically: .pth, .pt, .tar, .npz, .pkl (detectron2's) or
/// .safetensors, by its name's end. Throws Error naming the file or the flag.
Converted convert(const std::filesystem::path& in, const std::filesystem::path& out, const ConvertOptions& options);

}  // namespace moco

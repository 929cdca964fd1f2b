// Runs that began elsewhere: a training checkpoint of the reference code as a run folder of ours.
#pragma once

#include <filesystem>

#include "moco/data/dataset.h"
#include "moco/interchange/found_network.h"
#include "moco/tasks/pretrain_settings.h"
#include "nn/tensor_file.h"

namespace moco {

/// Gives settings what the file tells: architecture, width, stem, head, feature dimension and queue length. Throws
/// Error naming the file where it is no checkpoint of the reference code's to go on from: an encoder or the queue is
/// missing.
void take_from_reference(PretrainSettings& settings, const std::filesystem::path& file);

struct AdoptedRun {
    std::filesystem::path folder;
    int64_t epoch = 0, step = 0;  // done
};

/// Makes the run folder that `settings` name, ready for `moco pretrain --resume`: both encoders, queue, pointer,
/// momenta and epoch are the file's, which take_from_reference has been given; all else is as the settings say. Throws
/// Error naming the file and what is missing or of another shape, or the folder where it holds a run; none is left
/// then.
AdoptedRun adopt_run(const std::filesystem::path& file, const PretrainSettings& settings, const Splits& data,
                     const Backend& backend);

}  // namespace moco

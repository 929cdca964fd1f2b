// Which backends exist: this room, and tests/, are the only ones that know.
#pragma once

#include <memory>
#include <string>

#include "apps/command.h"
#include "core/backend.h"
#include "nn/precision.h"

namespace moco::apps {

/// The backend that `--device` names: cpu, cuda, or auto, which is cuda where a GPU answers and cpu elsewhere. Throws
/// Error for another name, or where there is no such device.
std::unique_ptr<Backend> make_backend(const std::string& device);

/// The backend of its own that `--augment-on` ("device" or "cpu") asks for to make the views that `training` trains on;
/// null where `training` makes them itself.
std::unique_ptr<Backend> make_augmenting_backend(const std::string& augment_on, const Backend& training);

/// Says on standard error, in one sentence, when `backend` is an emulated device.
void note_emulation(const Backend& backend);

/// Says on standard error, in one sentence, when `backend` has no instructions for `precision` and so gains nothing.
void note_slow_precision(Precision precision, const Backend& backend);

/// Where and with how many threads a command computes; the flags that every command has.
struct DeviceFlags {
    std::string device = "auto";
    int threads = 0;  // 0: one a core

    /// Adds --device and --threads to `command`.
    void add_to(const Command& command);
    /// Sets the number of threads and makes the backend.
    std::unique_ptr<Backend> open() const;
};

}  // namespace moco::apps

// Small runs that start from a pretrained encoder.
#pragma once

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "core/parallel.h"
#include "moco/data/subset.h"
#include "moco/tasks/transfer_settings.h"
#include "nn/safetensors.h"
#include "tests/moco/runs.h"

namespace moco::testing {

/// A pretraining of two steps; returns its folder.
inline std::filesystem::path pretrained_run(const std::filesystem::path& folder) {
    PretrainSettings s = tiny_run(folder);
    s.knn.every = 0;
    s.run.max_steps = 2;
    run(s);
    return folder;
}

/// Two epochs of T::Settings from `source`: 66 images, 20 held out, four steps of 16.
template <typename T>
typename T::Settings transfer_run(const std::filesystem::path& source, const std::filesystem::path& out) {
    typename T::Settings s = preset<typename T::Settings>("imagenet");
    s.data.spec = "shapes:86";
    s.val_share = 0.25;
    s.optimizer.batch_size = 16, s.optimizer.epochs = 2;
    s.run.log_every = 2;
    s.run.init = source.string();
    s.run.out = out.string();
    take_from_checkpoint(s, T::Settings::command);
    return s;
}

/// Stops runs after several steps; whoever resumes them ends in the bytes of a run that was not stopped, though the
/// file that they started from is gone. `settings_in`: those of a run in a folder of this name.
template <typename T, typename SettingsIn>
void expect_resumes_to_the_same_bits(const TempFolder& folder, const std::filesystem::path& source,
                                     const SettingsIn& settings_in) {
    const RunSummary whole = run<T>(settings_in("whole"));
    const std::vector<int64_t> stops = {1, 4, whole.step - 1};  // the second one at the end of an epoch
    for (const int64_t step : stops) {
        Watcher watcher;
        watcher.stop_after = step;
        EXPECT_EQ(run<T>(settings_in(fmt::format("stopped{}", step)), watcher).end, RunEnd::stopped);
    }
    std::filesystem::remove_all(source);
    for (const int64_t step : stops) {
        SCOPED_TRACE(fmt::format("stopped after step {}", step));
        const std::filesystem::path stopped = folder / fmt::format("stopped{}", step);
        Watcher watcher;
        EXPECT_EQ(resume<T>(stopped, watcher).end, RunEnd::finished);
        EXPECT_EQ(checkpoint_bytes(stopped), checkpoint_bytes(folder / "whole"));
        EXPECT_EQ(log_without_times(stopped), log_without_times(folder / "whole"));
    }
}

/// `settings_in`: as above.
template <typename T, typename SettingsIn>
void expect_the_same_bits_on_any_threads(const SettingsIn& settings_in) {
    const int threads_before = threads();
    std::string bytes, log;
    for (const auto& [thread_count, workers] : {std::pair<int, int64_t>{1, 0}, {2, 1}, {4, 3}}) {
        SCOPED_TRACE(fmt::format("{} threads, {} workers", thread_count, workers));
        set_threads(thread_count);
        typename T::Settings s = settings_in(fmt::format("threads{}", thread_count));
        s.machine.threads = thread_count, s.machine.workers = workers;
        run<T>(s);
        if (bytes.empty()) bytes = checkpoint_bytes(s.run.out), log = log_without_times(s.run.out);
        EXPECT_EQ(checkpoint_bytes(s.run.out), bytes);
        EXPECT_EQ(log_without_times(s.run.out), log);
    }
    set_threads(threads_before);
}

/// Issues every step of a run on `device`, then replays them.
template <typename T>
void expect_replays_equal_steps(typename T::Settings s, const TempFolder& folder, Backend& device) {
    std::vector<std::string> bytes;
    for (const bool graph : {false, true}) {
        s.run.out = (folder / (graph ? "replayed" : "issued")).string();
        s.machine.cuda_graph = graph;
        Watcher watcher;
        run_on<T>(s, open_dataset(s.data.spec), ViewBackends(cpu(), device), watcher);
        bytes.push_back(checkpoint_bytes(s.run.out));
    }
    EXPECT_EQ(bytes[0], bytes[1]);
}

/// All bytes of the tensors of a checkpoint whose names begin with `prefix`, without it, in the file's order.
inline std::vector<std::pair<std::string, std::string>> tensors_of(const std::filesystem::path& checkpoint,
                                                                   const std::string& prefix) {
    const SafetensorsFile file(checkpoint);
    std::vector<std::pair<std::string, std::string>> tensors;
    for (const TensorEntry& entry : file.entries()) {
        if (!entry.name.starts_with(prefix)) continue;
        std::string values;
        if (entry.dtype == FileDType::i64)
            values = fmt::format("{}", fmt::join(file.read_integers(entry), " "));
        else
            values = fmt::format("{}", fmt::join(file.read_floats(entry), " "));
        tensors.emplace_back(entry.name.substr(prefix.size()), values);
    }
    return tensors;
}

}  // namespace moco::testing

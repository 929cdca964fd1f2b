#include "apps/ablation_jobs.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <thread>

#include "apps/child_process.h"
#include "apps/output.h"
#include "core/error.h"
#include "moco/study/ablation_outcome.h"
#include "moco/study/ablation_pool.h"
#include "moco/train/run_folder.h"
#include "moco/train/settings/toml.h"
#include "moco/train/throughput.h"
#include "nn/atomic_file.h"

namespace moco::apps {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr std::chrono::milliseconds kBetweenLooks{50};
constexpr std::chrono::seconds kForTheLastWriter{60};

fs::path folder_of(const AblationJob& job, const JobOptions& options) {
    return pooled_run(options.dir, job.run.key);
}

fs::path log_of(const AblationJob& job, const JobOptions& options) {
    return options.dir / "logs" / (job.run.key + ".log");
}

/// Where and how fast: nothing of a result.
Words machine_words(const AblationJob& job, const JobOptions& options) {
    return {"--device",  job.run.settings.machine.device, "--threads", fmt::format("{}", options.threads),
            "--workers", options.threads > 1 ? "1" : "0"};
}

/// --data and what says how it is read, as far as it is not the default.
Words data_words(const PretrainSettings& given) {
    PretrainSettings settings = given;
    Words words = {"--data", settings.data.spec};
    const SettingTable table = table_of(settings);
    for (const char* name : {"max-pixels", "depth-range", "exif", "channels", "labels-from", "test-part"}) {
        const Setting& row = *table.find(name);
        if (row.get() != row.by_default) words.insert(words.end(), {fmt::format("--{}", name), text_of(row.get())});
    }
    return words;
}

void append(Words& words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
}

/// Writes the run's settings beside the runs, where they lie before the run has a folder.
Words begin_words(const AblationJob& job, const JobOptions& options) {
    const fs::path folder = folder_of(job, options);
    PretrainSettings settings = job.run.settings;
    settings.run.out = folder.string();
    const fs::path file = options.dir / "settings" / (job.run.key + ".toml");
    fs::create_directories(file.parent_path());
    write_file_atomically(file, to_toml(table_of(settings), PretrainSettings::command));
    return {"pretrain", "--config", file.string(), "--out", folder.string()};
}

Words knn_words(const AblationJob& job, const JobOptions& options) {
    const KnnSettings& knn = job.run.settings.knn;
    Words words = {
        "knn",     "--checkpoint",          folder_of(job, options).string(), "--knn-k", fmt::format("{}", knn.k),
        "--knn-t", fmt::format("{}", knn.t)};
    append(words, data_words(job.run.settings));
    return words;
}

/// A sweep of rates over cached features: minutes become seconds, and no rate has to be known.
Words probe_words(const AblationJob& job, const JobOptions& options) {
    const fs::path folder = folder_of(job, options) / kEvaluations / "probe";
    std::error_code ignored;
    if (fs::exists(folder / kConfigFile, ignored)) return {"probe", "--resume", folder.string()};
    const int64_t batch = std::min<int64_t>(job.run.settings.optimizer.batch_size, 256);
    Words words = {"probe",
                   "--checkpoint",
                   folder_of(job, options).string(),
                   "--features",
                   "cached",
                   "--lr",
                   "sweep",
                   "--val-share",
                   "0.1",
                   "--epochs",
                   "20",
                   "--schedule",
                   "12,16",
                   "--batch-size",
                   fmt::format("{}", batch),
                   "--seed",
                   fmt::format("{}", job.run.seed),
                   "--out",
                   folder.string()};
    append(words, data_words(job.run.settings));
    return words;
}

Words words_of(JobStage stage, const AblationJob& job, const JobOptions& options) {
    switch (stage) {
        case JobStage::begin:
            return begin_words(job, options);
        case JobStage::go_on:
            return {"pretrain", "--resume", folder_of(job, options).string()};
        case JobStage::knn:
            return knn_words(job, options);
        case JobStage::probe:
            return probe_words(job, options);
        case JobStage::nothing:
            break;
    }
    fail("{}: nothing is left to do", job.label);
}

ChildProcess start(JobStage stage, const AblationJob& job, const JobOptions& options) {
    Words words = words_of(stage, job, options);
    append(words, machine_words(job, options));
    return ChildProcess(words, log_of(job, options));
}

/// The run's last process may still be saving: that of a runner that was killed is told to end, not made to.
void wait_for_the_last_writer(const fs::path& folder, const std::atomic<bool>& stop) {
    if (!fs::is_directory(folder)) return;
    const Stopwatch watch;
    while (!stop && watch.seconds() < static_cast<double>(kForTheLastWriter.count())) {
        try {
            const RunLock lock(folder);
            return;
        } catch (const Error&) {
            std::this_thread::sleep_for(kBetweenLooks);
        }
    }
}

/// The last failure in a log, as the program says it; "" where there is none.
std::string last_failure(const fs::path& log) {
    constexpr std::string_view kPrefix = "moco: ";
    std::ifstream file(log);
    std::string last;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(kPrefix)) last = line.substr(kPrefix.size());
    }
    return last;
}

std::string why(const ProcessEnd& end, const fs::path& log) {
    if (end.signal == SIGKILL) return "it was killed (signal 9), perhaps for want of memory: fewer --jobs need less";
    if (end.signal != 0) return fmt::format("it ended by signal {}; {} has what it said", end.signal, log.string());
    if (end.status == kTryAgain) return "it was told to stop by another process, and is saved";
    const std::string said = last_failure(log);
    return said.empty() ? fmt::format("it ended with status {}; {} has what it said", end.status, log.string()) : said;
}

/// A job that is being done.
struct Running {
    JobResult result;
    JobStage stage;
    ChildProcess process;
    Stopwatch watch;
};

class Runner {
  public:
    Runner(const std::vector<AblationJob>& jobs, const JobOptions& options, const JobListeners& listeners,
           const std::atomic<bool>& stop)
        : jobs_(jobs), options_(options), listeners_(listeners), stop_(stop) {}

    std::vector<JobResult> run() {
        fs::create_directories(options_.dir / "logs");
        while (true) {
            begin_others();
            if (running_.empty()) return std::move(results_);
            tell_to_stop();
            std::this_thread::sleep_for(kBetweenLooks);
            look_after();
            listeners_.waiting({results_.size(), running_.size(), jobs_.size()});
        }
    }

  private:
    void begin_others() {
        while (!stop_ && next_ < jobs_.size() && running_.size() < static_cast<size_t>(options_.at_a_time)) {
            begin(jobs_[next_++]);
        }
    }

    void begin(const AblationJob& job) {
        JobResult result;
        result.job = &job;
        try {
            wait_for_the_last_writer(folder_of(job, options_), stop_);
            if (stop_) return;
            const JobStage stage = next_stage(job, options_);
            if (stage == JobStage::nothing) return finish(result);
            running_.push_back({result, stage, start(stage, job, options_), Stopwatch()});
        } catch (const Error& error) {
            result.end = JobEnd::failed, result.why = error.what();
            finish(result);
        }
    }

    void tell_to_stop() {
        if (!stop_ || told_) return;
        for (const Running& one : running_) one.process.ask_to_stop();
        told_ = true;
    }

    void look_after() {
        for (size_t i = 0; i < running_.size();) {
            const std::optional<ProcessEnd> end = running_[i].process.poll();
            if (!end || goes_on(running_[i], *end)) {
                ++i;
                continue;
            }
            JobResult result = running_[i].result;
            result.seconds = running_[i].watch.seconds();
            running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
            finish(result);
        }
    }

    /// Whether the job has a next command, which is begun. Else its result says how it ended.
    bool goes_on(Running& one, const ProcessEnd& end) {
        const AblationJob& job = *one.result.job;
        if (stop_ && (end.signal != 0 || end.status == kTryAgain)) {
            one.result.end = JobEnd::stopped;
            return false;
        }
        one.result.end = JobEnd::failed;
        if (end.signal != 0 || end.status != 0) {
            one.result.why = why(end, log_of(job, options_));
            return false;
        }
        try {
            return begins_next(one);
        } catch (const Error& error) {
            one.result.why = error.what();
            return false;
        }
    }

    bool begins_next(Running& one) {
        const JobStage next = next_stage(*one.result.job, options_);
        if (next == one.stage || next == JobStage::begin || next == JobStage::go_on) {
            one.result.why = fmt::format("its process ended well and did not finish it; {} has what it said",
                                         log_of(*one.result.job, options_).string());
            return false;
        }
        one.result.end = next == JobStage::nothing ? JobEnd::done : JobEnd::stopped;
        if (next == JobStage::nothing || stop_) return false;
        one.stage = next;
        one.process = start(next, *one.result.job, options_);
        return true;
    }

    void finish(const JobResult& result) {
        results_.push_back(result);
        listeners_.ended(results_.back());
    }

    const std::vector<AblationJob>& jobs_;
    const JobOptions& options_;
    const JobListeners& listeners_;
    const std::atomic<bool>& stop_;
    size_t next_ = 0;
    bool told_ = false;
    std::vector<Running> running_;
    std::vector<JobResult> results_;
};

}  // namespace

JobStage next_stage(const AblationJob& job, const JobOptions& options) {
    const fs::path folder = folder_of(job, options);
    const RunState state = progress_of(folder, job.run.settings).state;
    if (state == RunState::absent) return JobStage::begin;
    if (state == RunState::started) return JobStage::go_on;
    if (job.labels == Labels::absent) return JobStage::nothing;
    if (!fs::exists(results_of(folder, "knn"))) return JobStage::knn;
    const bool probed = options.probe == ProbeKind::none || fs::exists(results_of(folder, "probe"));
    return probed ? JobStage::nothing : JobStage::probe;
}

std::vector<JobResult> run_jobs(const std::vector<AblationJob>& jobs, const JobOptions& options,
                                const JobListeners& listeners, const std::atomic<bool>& stop) {
    return Runner(jobs, options, listeners, stop).run();
}

}  // namespace moco::apps

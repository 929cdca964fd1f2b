// The runs of an ablation, done: each a process of its own, several at a time.
//
// Processes and not threads of this one: what kills a run (too little memory, a fault) ends that run alone, each has
// its own threads' pool and its own peak of memory, and every run is one that `moco pretrain` made, to the same bits.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "moco/study/ablation_runs.h"

namespace moco::apps {

enum class Labels { absent, there };
enum class ProbeKind { none, cached };

/// A run and what is to be found out about it.
struct AblationJob {
    std::string label;  // "moco-m=0.9, seed 1"
    PlannedRun run;
    Labels labels = Labels::there;  // of the data set
};

struct JobOptions {
    std::filesystem::path dir;  // of the ablation
    int at_a_time = 1;
    int threads = 1;  // of each
    ProbeKind probe = ProbeKind::cached;
};

enum class JobEnd { done, failed, stopped };
struct JobResult {
    const AblationJob* job = nullptr;
    JobEnd end = JobEnd::done;
    double seconds = 0;
    std::string why;  // of a failure: a sentence
};

/// How far they are, for people.
struct JobsProgress {
    size_t done = 0, running = 0, all = 0;
};

struct JobListeners {
    std::function<void(const JobResult&)> ended;
    std::function<void(const JobsProgress&)> waiting;  // some ten times a second
};

/// What a job has to do next. begin: pretrain; go_on: resume a run that was begun; then the evaluations.
enum class JobStage { begin, go_on, knn, probe, nothing };
JobStage next_stage(const AblationJob& job, const JobOptions& options);

/// Does the jobs in their order. One that fails does not end the others. When `stop` becomes true those that run are
/// saved, and no other is begun; jobs that were not ended have no result.
std::vector<JobResult> run_jobs(const std::vector<AblationJob>& jobs, const JobOptions& options,
                                const JobListeners& listeners, const std::atomic<bool>& stop);

}  // namespace moco::apps

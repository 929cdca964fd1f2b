// moco bench step: how fast this machine trains.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "apps/device.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"
#include "moco/tasks/step_runner.h"
#include "moco/train_step.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Time a full MoCo v2 training step on random images.\n"
    "Both encoders, InfoNCE against the queue, backward, SGD, momentum update and enqueue, as moco pretrain does them.";
constexpr int kWarmUpSteps = 2;
constexpr int64_t kStepsInARow = 4;
constexpr std::array<const char*, 4> kPhaseNames = {"encode", "loss", "backward", "update"};
using PhaseTimes = std::array<double, kPhaseNames.size()>;

struct Flags {
    NetworkConfig encoder;
    std::string stem = "imagenet", conv = "auto", precision = "f32";
    int64_t size = 224, batch = 16, queue = 4096, steps = 8;
    DeviceFlags device;
    bool cuda_graph = false, json = false;
};

/// Adds up how long each part of the steps takes.
class PhaseTimer final : public StepClock {
  public:
    explicit PhaseTimer(Backend& backend) : backend_(&backend) {}
    void enter(StepPhase phase) override {
        leave();
        phase_ = static_cast<size_t>(phase);
        running_ = true;
        began_ = now();
    }
    /// Ends the part that runs.
    void leave() {
        backend_->synchronize();
        if (running_) seconds_[phase_] += now() - began_;
        running_ = false;
    }
    void reset() { seconds_ = {}; }
    const PhaseTimes& seconds() const { return seconds_; }

  private:
    Backend* backend_;
    PhaseTimes seconds_ = {};
    size_t phase_ = 0;
    bool running_ = false;
    double began_ = 0;
};

Tensor random_images(const Flags& flags, uint32_t view, Backend& backend) {
    const Shape shape = {flags.batch, flags.size, flags.size, flags.encoder.in_channels};
    std::vector<float> values(static_cast<size_t>(shape.count()));
    Random random(0, Purpose::bench, 0, 0, view);
    for (float& value : values) value = random.normal();
    return Tensor::from_host(values, shape, backend);
}

struct Timing {
    double median_ms = 0, best_ms = 0;
    PhaseTimes phase_ms = {};  // mean of the timed steps
    double loss = 0;
};

/// Runs the steps, all alike, one after the other.
class Steps {
  public:
    Steps(const Flags& flags, Backend& backend)
        : moco_(flags.encoder, flags.queue, {.momentum = 0.9f, .weight_decay = 1e-4f}, 0, backend),
          views_{random_images(flags, 0, backend), random_images(flags, 1, backend)},
          runner_(machine_of(flags), backend, comm_) {}
    /// `clock`: null, or told of the step's parts.
    void run(StepClock* clock) {
        moco_.clock = clock;
        PlacedNumbers numbers = place_numbers(moco_, {.lr = 0.03f, .m = 0.999f, .T = 0.2f}, views_.key.dim(0), comm_);
        Views x = views_;
        std::vector<Tensor*> inputs = numbers.placed();
        inputs.insert(inputs.end(), {&x.query, &x.key});
        loss_ = runner_.run(inputs, [&] { return algorithm_1(moco_, x, numbers, comm_); }).front().tensor;
    }
    double loss() const { return loss_.item(); }

  private:
    static MachineSettings machine_of(const Flags& flags) {
        MachineSettings machine;
        machine.cuda_graph = flags.cuda_graph;
        return machine;
    }

    Moco moco_;
    Views views_;
    SingleProcess comm_;
    StepRunner runner_;
    Tensor loss_;
};

/// What the parts of each step take, and the steps. The device is waited for after each part, so where it computes on
/// by itself, that is more than a step of training takes.
std::vector<double> time_phases(const Flags& flags, Steps& steps, Backend& backend, PhaseTimes& phase_ms) {
    PhaseTimer timer(backend);
    std::vector<double> seconds;
    for (int64_t step = 0; step < flags.steps; ++step) {
        if (step == kWarmUpSteps) timer.reset();
        const double began = now();
        steps.run(&timer);
        timer.leave();
        if (step >= kWarmUpSteps) seconds.push_back(now() - began);
    }
    for (size_t i = 0; i < phase_ms.size(); ++i) {
        phase_ms[i] = 1e3 * timer.seconds()[i] / static_cast<double>(seconds.size());
    }
    return seconds;
}

/// Whole steps, a few in a row between two waits, as training gives them to a device that computes by itself.
std::vector<double> time_whole_steps(const Flags& flags, Steps& steps, Backend& backend) {
    std::vector<double> seconds;
    for (int64_t step = 0; step < kWarmUpSteps + 1; ++step) steps.run(nullptr);  // a recording is made by now
    for (int64_t timed = 0; timed < flags.steps - kWarmUpSteps; timed += kStepsInARow) {
        backend.synchronize();
        const double began = now();
        for (int64_t i = 0; i < kStepsInARow; ++i) steps.run(nullptr);
        backend.synchronize();
        seconds.push_back((now() - began) / static_cast<double>(kStepsInARow));
    }
    return seconds;
}

Timing time_steps(const Flags& flags, Backend& backend) {
    Steps steps(flags, backend);
    Timing timing;
    std::vector<double> seconds;
    if (!flags.cuda_graph) seconds = time_phases(flags, steps, backend, timing.phase_ms);
    if (backend.name() != "cpu") seconds = time_whole_steps(flags, steps, backend);
    std::sort(seconds.begin(), seconds.end());
    timing.best_ms = 1e3 * seconds.front();
    timing.median_ms = 1e3 * seconds[seconds.size() / 2];
    timing.loss = steps.loss();
    return timing;
}

void print_json(const Flags& flags, const Timing& timing, const Backend& backend) {
    nlohmann::ordered_json object = {{"arch", flags.encoder.arch},
                                     {"width", flags.encoder.width},
                                     {"stem", flags.stem},
                                     {"size", flags.size},
                                     {"batch", flags.batch},
                                     {"queue", flags.queue},
                                     {"conv", flags.conv},
                                     {"precision", flags.precision},
                                     {"cuda_graph", flags.cuda_graph},
                                     {"threads", threads()},
                                     {"device", backend.description()},
                                     {"steps", flags.steps - kWarmUpSteps},
                                     {"median_ms", timing.median_ms},
                                     {"best_ms", timing.best_ms},
                                     {"images_per_s", 1e3 * static_cast<double>(flags.batch) / timing.median_ms},
                                     {"peak_mib", peak_mib()}};
    for (size_t i = 0; i < kPhaseNames.size(); ++i) object["phases_ms"][kPhaseNames[i]] = timing.phase_ms[i];
    object["loss"] = timing.loss;
    fmt::print("{}\n", object.dump(2));
}

void print_text(const Flags& flags, const Timing& timing, const Backend& backend) {
    fmt::print("{} width {}, stem {}, {} px, batch {}, K {}, {}, {} threads, {}\n", flags.encoder.arch,
               flags.encoder.width, flags.stem, flags.size, flags.batch, flags.queue, flags.precision, threads(),
               backend.description());
    fmt::print("{:.1f} ms a step (median of {}), {:.1f} images/s, peak {:.0f} MiB;", timing.median_ms,
               flags.steps - kWarmUpSteps, 1e3 * static_cast<double>(flags.batch) / timing.median_ms, peak_mib());
    for (size_t i = 0; i < kPhaseNames.size(); ++i) fmt::print(" {} {:.1f}", kPhaseNames[i], timing.phase_ms[i]);
    fmt::print(" ms\n");
}

void run_step(Flags flags) {
    check(flags.batch >= 2, "--batch {}: expected at least 2 images, batch norm needs them", flags.batch);
    check(flags.queue >= flags.batch, "--queue {} is smaller than --batch {}: the queue must hold a batch", flags.queue,
          flags.batch);
    check(flags.size >= 1, "--size {}: expected at least 1 pixel", flags.size);
    check(flags.steps > kWarmUpSteps, "--steps {}: expected more than {}, the first {} only warm up", flags.steps,
          kWarmUpSteps, kWarmUpSteps);
    flags.encoder.stem = stem_from_name(flags.stem);
    flags.encoder.head = Head::mlp;
    const RunSettings run = run_settings(flags.conv, flags.precision);
    flags.encoder.precision = precision_from_name(flags.precision);
    const std::unique_ptr<Backend> backend = flags.device.open();
    configure(*backend, run);
    note_slow_precision(flags.encoder.precision, *backend);
    const Timing timing = time_steps(flags, *backend);
    flags.json ? print_json(flags, timing, *backend) : print_text(flags, timing, *backend);
}

}  // namespace

void add_bench_step(const Command& group) {
    const Command command = group.subcommand("step", kDescription);
    auto flags = std::make_shared<Flags>();
    add_network_flags(command, flags->encoder, flags->stem);
    add_number(command, "--size", flags->size, "side of the images, pixels");
    add_number(command, "-b,--batch", flags->batch, "images a step (N)");
    add_number(command, "--queue", flags->queue, "keys in the queue (K)");
    add_number(command, "--bn-splits", flags->encoder.bn_splits, "batch norm splits");
    add_conv_flag(command, flags->conv);
    add_precision_flag(command, flags->precision);
    add_number(command, "--steps", flags->steps, "steps, two of them to warm up");
    command.flag("--cuda-graph", flags->cuda_graph, "replay the step as one CUDA graph (--device cuda)");
    command.flag("--json", flags->json,
                 "print one JSON object: median_ms, best_ms, images_per_s, peak_mib, phases_ms (encode, loss, "
                 "backward, update)");
    flags->device.add_to(command);
    command.runs([flags] { run_step(*flags); });
}

}  // namespace moco::apps

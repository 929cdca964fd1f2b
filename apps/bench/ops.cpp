// moco bench ops: everything but convolutions, against what the memory and the processor can do.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "apps/bench/ops_cases.h"
#include "apps/device.h"
#include "core/error.h"
#include "core/parallel.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Time the operations between the convolutions: F forward, B backward.\n"
    "Some results of each are first held against the definition in double. Percent is of the measured peak: of\n"
    "multiply-adds for products, else of a copy, which what fits into a cache may exceed.";
constexpr double kTolerance = 1e-4;  // times the RMS
constexpr int64_t kMost = int64_t{1} << 31;

struct Flags {
    OpSizes sizes;
    std::string only;
    int64_t repeats = 7;
    DeviceFlags device;
    bool json = false;
};

struct Result {
    std::string name, shape;
    Times times;
    double gb_per_s = 0, gflops = 0, percent = 0, error = 0;
};

void check_sizes(const OpSizes& s) {
    const std::pair<const char*, int64_t> extents[] = {{"batch", s.N}, {"size", s.side}, {"channels", s.C},
                                                       {"dim", s.dim}, {"queue", s.K},   {"parameters", s.parameters}};
    for (const auto& [name, value] : extents) {
        check(value >= 1 && value < kMost, "--{} {}: expected 1 to {}", name, value, kMost - 1);
    }
    check(s.K >= s.N, "--queue {} is smaller than --batch {}: the queue must hold a batch", s.K, s.N);
    const double largest = static_cast<double>(s.N) * static_cast<double>(s.side) * static_cast<double>(s.side) *
                           static_cast<double>(std::max<int64_t>(s.C, 3));
    check(largest < static_cast<double>(kMost) &&
              static_cast<double>(s.K) * static_cast<double>(s.N + s.dim) < static_cast<double>(kMost),
          "--batch {} --size {} --channels {} --queue {} is too much: an operand would have over {} elements", s.N,
          s.side, s.C, s.K, kMost);
}

Result time_case(const OpCase& op, const Peaks& peaks, int64_t repeats, Backend& backend) {
    Result result{op.name, op.shape, {}, 0, 0, 0, op.error()};
    check(result.error < kTolerance, "{} of {} is wrong: off by {:.2g} of its RMS, expected below {:.2g}", op.name,
          op.shape, result.error, kTolerance);
    result.times = time_calls(backend, repeats, op.run);
    result.gb_per_s = 1e-6 * op.bytes / result.times.best_ms;
    result.gflops = 1e-6 * op.operations / result.times.best_ms;
    result.percent = op.operations > 0 ? 100 * result.gflops / peaks.gflops : 100 * result.gb_per_s / peaks.copy_gb;
    return result;
}

void print_json(const Peaks& peaks, const std::vector<Result>& results, const Backend& backend) {
    nlohmann::ordered_json object = {{"device", backend.description()},
                                     {"threads", threads()},
                                     {"peak_gflops", peaks.gflops},
                                     {"copy_gb_per_s", peaks.copy_gb},
                                     {"ops", nlohmann::ordered_json::array()}};
    for (const Result& r : results) {
        object["ops"].push_back({{"name", r.name},
                                 {"shape", r.shape},
                                 {"ms", r.times.best_ms},
                                 {"median_ms", r.times.median_ms},
                                 {"gb_per_s", r.gb_per_s},
                                 {"gflops", r.gflops},
                                 {"percent_of_peak", r.percent},
                                 {"error", r.error}});
    }
    fmt::print("{}\n", object.dump(2));
}

void print_text(const Peaks& peaks, const std::vector<Result>& results, const Backend& backend) {
    fmt::print("{}; peak {:.0f} GFLOP/s (f32), copy {:.1f} GB/s\n", backend.description(), peaks.gflops, peaks.copy_gb);
    fmt::print("{:<20}{:<24}{:>10}{:>11}{:>9}{:>10}{:>8}{:>11}\n", "operation", "shape", "best ms", "median ms", "GB/s",
               "GFLOP/s", "% peak", "error");
    for (const Result& r : results) {
        fmt::print("{:<20}{:<24}{:>10.4f}{:>11.4f}{:>9.1f}{:>10}{:>8.0f}{:>11.1e}\n", r.name, r.shape, r.times.best_ms,
                   r.times.median_ms, r.gb_per_s, r.gflops > 0 ? fmt::format("{:.1f}", r.gflops) : "-", r.percent,
                   r.error);
    }
}

void run_ops(const Flags& flags) {
    check_sizes(flags.sizes);
    check(flags.repeats >= 1, "--repeats {}: expected at least 1", flags.repeats);
    const std::unique_ptr<Backend> backend = flags.device.open();
    const Peaks peaks = measure_peaks(*backend);
    std::vector<Result> results;
    for (const auto& cases_of : {activation_ops, feature_ops, update_ops}) {
        for (const OpCase& op : cases_of(flags.sizes, *backend)) {
            if (op.name.find(flags.only) == std::string::npos) continue;
            results.push_back(time_case(op, peaks, flags.repeats, *backend));
        }
    }
    check(!results.empty(), "--only {}: no operation has that in its name", flags.only);
    flags.json ? print_json(peaks, results, *backend) : print_text(peaks, results, *backend);
}

}  // namespace

void add_bench_ops(const Command& group) {
    const Command command = group.subcommand("ops", kDescription);
    auto flags = std::make_shared<Flags>();
    command.option("--only", flags->only, "only the operations with this in their name").takes("NAME");
    add_number(command, "-b,--batch", flags->sizes.N, "images a step (N)");
    add_number(command, "--size", flags->sizes.side, "side of the activations, pixels");
    add_number(command, "--channels", flags->sizes.C, "channels of the activations; the head's product takes 8 times");
    add_number(command, "--dim", flags->sizes.dim, "feature dimension (C)");
    add_number(command, "--queue", flags->sizes.K, "keys in the queue (K)");
    add_number(command, "--parameters", flags->sizes.parameters, "parameters of an encoder");
    add_number(command, "--repeats", flags->repeats, "timings of each; the best and the median are printed");
    command.flag("--json", flags->json, "print one JSON object: ops, each with ms, gb_per_s, gflops, error");
    flags->device.add_to(command);
    command.runs([flags] { run_ops(*flags); });
}

}  // namespace moco::apps

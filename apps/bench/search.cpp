// moco bench search: how fast the nearest neighbours of many queries are found.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "apps/bench/samples.h"
#include "apps/device.h"
#include "apps/json.h"
#include "core/error.h"
#include "core/parallel.h"
#include "moco/eval/knn.h"
#include "ops/l2_normalize.h"

namespace moco::apps {
namespace {

constexpr const char* kDescription =
    "Time the exact search of moco knn and of the kNN monitor: the k rows of a bank most similar to each query.";

struct Flags {
    int64_t queries = 10'000, bank = 60'000, dim = 128, k = 200, repeats = 5;
    DeviceFlags device;
    bool json = false;
};

/// Random unit rows.
Tensor unit_rows(int64_t rows, int64_t dim, uint32_t stream, Backend& backend) {
    return l2_normalize(random_tensor({rows, dim}, stream, backend));
}

void run_search(const Flags& flags) {
    check(flags.queries >= 1 && flags.bank >= 1 && flags.dim >= 1,
          "--queries {} --bank {} --dim {}: expected at least 1", flags.queries, flags.bank, flags.dim);
    check(flags.k >= 1 && flags.k <= flags.bank, "--k {}: expected 1 to the {} rows of --bank", flags.k, flags.bank);
    check(flags.repeats >= 1, "--repeats {}: expected at least 1", flags.repeats);
    const std::unique_ptr<Backend> backend = flags.device.open();
    const Tensor bank = unit_rows(flags.bank, flags.dim, 0, *backend);
    const Tensor queries = unit_rows(flags.queries, flags.dim, 1, *backend);
    const Times times = time_calls(*backend, flags.repeats, [&] { nearest_neighbours(bank, queries, flags.k); });
    if (flags.json) {
        return print_json({{"queries", flags.queries},
                           {"bank", flags.bank},
                           {"dim", flags.dim},
                           {"k", flags.k},
                           {"threads", threads()},
                           {"device", backend->description()},
                           {"best_ms", times.best_ms},
                           {"median_ms", times.median_ms},
                           {"peak_mib", peak_mib()}});
    }
    fmt::print("{} nearest of {} rows of {} numbers for {} queries, {}\n", flags.k, flags.bank, flags.dim,
               flags.queries, backend->description());
    fmt::print("{:.1f} ms at best, median {:.1f} ms; {:.0f} queries/s\n", times.best_ms, times.median_ms,
               1e3 * static_cast<double>(flags.queries) / times.median_ms);
}

}  // namespace

void add_bench_search(const Command& group) {
    const Command command = group.subcommand("search", kDescription);
    auto flags = std::make_shared<Flags>();
    add_number(command, "--queries", flags->queries, "rows whose neighbours are sought");
    add_number(command, "--bank", flags->bank, "rows that are searched");
    add_number(command, "--dim", flags->dim, "numbers of a row");
    add_number(command, "--k", flags->k, "neighbours of each query");
    add_number(command, "--repeats", flags->repeats, "searches to time");
    flags->device.add_to(command);
    add_json_flag(command, flags->json);
    command.runs([flags] { run_search(*flags); });
}

}  // namespace moco::apps

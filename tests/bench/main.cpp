// The entry point of moco_bench.
#include <benchmark/benchmark.h>

#include "core/parallel.h"

int main(int argc, char** argv) {
    moco::flush_denormals();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}

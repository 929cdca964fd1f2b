// What a look inside a run gives: numbers, series, histograms; and alarms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moco/train/task.h"

namespace moco {

/// A function of something, such as a cosine of an age: at[i] -> values[i].
struct Series {
    std::string name;     // in metrics.jsonl: "consistency"
    std::string at_name;  // "age"
    std::string tag;      // in TensorBoard, before "/AT": "keys/consistency"; empty: not there
    std::vector<double> at, values;
};

/// Counts in bins of equal width from low to high; what lies beyond is counted in the outermost.
struct Histogram {
    std::string name;  // in metrics.jsonl: "positives"
    std::string tag;   // in TensorBoard: "similarity/positives"
    double low = -1, high = 1;
    std::vector<int64_t> counts;
    double least = 0, most = 0, sum = 0, sum_of_squares = 0;  // of the numbers themselves
};

struct DiagnosticsReport {
    int64_t epoch = 0, step = 0;  // counted from 1: the step after which it was looked at
    std::vector<Measurement> values;
    std::vector<Series> series;
    std::vector<Histogram> histograms;
    std::string summary;  // a few words for a progress bar; empty: as before

    bool empty() const { return values.empty() && series.empty() && histograms.empty(); }
};

/// A sentence that says what seems to be wrong with a run, and what to try.
struct Alarm {
    std::string name;  // in metrics.jsonl: "collapse"
    std::string text;
};

}  // namespace moco

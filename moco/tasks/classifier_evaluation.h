// A classifier on the test part: what it is right about, written where evaluations go.
#pragma once

#include <optional>

#include "moco/data/dataset.h"
#include "moco/tasks/results.h"
#include "moco/train/task.h"
#include "nn/network.h"

namespace moco {

struct ClassifierTest {
    std::string task;        // "supervised": of the results, and of their folder RUN/eval/TASK
    int64_t image_size = 0;  // that the network is trained at
    int64_t workers = 1;
};

/// Accuracy of f (its head's outputs are the scores) on `data`; nothing if place.stop became true on the way. Where
/// place has a folder, the results go to its eval/TASK.
std::optional<EvaluationReport> test_classifier(Network& f, const DatasetPtr& data, const ClassifierTest& test,
                                                const EvaluationPlace& place, Backend& backend);

}  // namespace moco

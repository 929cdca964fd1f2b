// A classifier on labelled images: what it is right about, written where evaluations go.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "moco/data/dataset.h"
#include "moco/eval/features.h"
#include "moco/tasks/results.h"
#include "moco/train/task.h"
#include "nn/network.h"

namespace moco {

struct ClassifierTest {
    std::string task;              // "supervised": of the results
    std::string part;              // of the data set, for people: "test"
    std::filesystem::path folder;  // of the results, within the run's ("." for that itself); empty: none are written
    int64_t image_size = 0;        // that the network is trained at
    int64_t workers = 1;
};

/// What f (its head's outputs are the scores) is right about on `data`; nothing if place.stop became true on the way.
/// Where place has a folder, the results go to test.folder in it.
std::optional<ClassificationScores> test_classifier(Network& f, const DatasetPtr& data, const ClassifierTest& test,
                                                    const EvaluationPlace& place, Backend& backend);

/// What every classifier reports of a part of the data ("test", "val").
std::vector<Measurement> measurements(const std::string& part, const ClassificationScores& scores);

/// Says through `place` which images of a part were left out.
void note_unreadable(const Features& features, const std::string& part, const EvaluationPlace& place);

}  // namespace moco

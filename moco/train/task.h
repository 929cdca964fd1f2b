// What a run trains. The loop (moco/train/loop.h) owns time: epochs, stop, resume, checkpoints and log; a task owns
// state, schedule and one step. docs/add-a-task.md shows how to add one.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.h"
#include "moco/data/loader.h"
#include "nn/schedule.h"
#include "nn/state.h"

namespace moco {

/// True once the run shall save and end.
using StopFlag = std::atomic<bool>;

/// A number that a step reports, as log, TensorBoard and progress bar call it.
struct ValueName {
    enum class Unit { plain, percent };

    std::string name;        // in metrics.jsonl: "contrast_accuracy"
    std::string sum_name;    // in checkpoints, the sum over the running epoch's steps: "epoch_accuracy"
    std::string text;        // "contrast accuracy"
    std::string short_text;  // on the progress bar: "contrast"
    Unit unit = Unit::plain;
};

/// A number on its way from the device: times * tensor / divided_by, tensor being an f32 scalar.
struct StepValue {
    Tensor tensor;
    double times = 1, divided_by = 1;
};
/// In the order of Task::value_names(). The first is the loss.
using StepValues = std::vector<StepValue>;

/// What the loader makes of each sample.
struct LoaderPlan {
    DatasetPtr data;
    std::vector<Recipe> views;      // one recipe a view
    int64_t size = 224;             // side of the views, pixels
    PositiveOptions positive = {};  // of which image the views after the first are
};

/// Which step.
struct StepPlace {
    int64_t epoch = 0, step = 0;  // counted from 0; step: within the epoch
    float lr = 0;                 // what the schedule says
};

/// A result of an evaluation.
struct Measurement {
    std::string name;  // in metrics.jsonl: "knn_backbone"
    std::string tag;   // in TensorBoard: "knn/backbone"
    std::string text;  // for people: "backbone"
    double value = 0;
    ValueName::Unit unit = ValueName::Unit::percent;
};

struct EvaluationReport {
    std::string title;  // "kNN"
    std::vector<Measurement> values;
    double seconds = 0;
};

/// When and where an evaluation happens, and to whom it speaks.
struct EvaluationPlace {
    int64_t epoch = 0;  // epochs done; 0: before the first step
    int64_t step = 0;   // steps done in all
    std::filesystem::path folder;
    const StopFlag& stop;
    std::function<void(const std::string&)> evaluating;  // a while begins ("kNN of the features of 60000 images")
    std::function<void(const std::string&)> note;        // a sentence worth showing
};

/// All functions are called from one thread. With several ranks, every rank has a task of its own and calls the same.
class Task {
  public:
    virtual ~Task() = default;

    /// "MoCo", as in "MoCo on fashion-mnist: 60000 images".
    virtual std::string title() const = 0;
    /// A sentence for the start of a run: how big it is.
    virtual std::string about() const = 0;
    /// Sentences worth showing before it: what it cannot do.
    virtual std::vector<std::string> notes() const { return {}; }

    /// Shows all that a checkpoint holds, in a fixed order.
    virtual void visit(StateVisitor& visitor) = 0;
    /// A fresh run starts from the weights in `file` (--init). Throws Error naming the file and what does not fit.
    virtual void warm_start(const std::filesystem::path& file) = 0;
    /// Collective: makes what the ranks keep apart (batch norm statistics) one, before an evaluation or a checkpoint.
    virtual void prepare_to_save(Communicator& /*comm*/) {}

    /// The data whose classes a checkpoint of this task tells apart; null where it learns none.
    virtual const DatasetInfo* classifies() const { return nullptr; }

    virtual LoaderPlan loader_plan() const = 0;
    virtual const Schedule& schedule() const = 0;
    virtual const std::vector<ValueName>& value_names() const = 0;
    /// Gives the device one step; waits for nothing. Collective.
    virtual StepValues step(const Batch& batch, const StepPlace& place) = 0;

    /// Whether something is to be measured after `epoch` epochs; 0: before the first step.
    virtual bool evaluation_due(int64_t epoch) const = 0;
    /// Nothing if place.stop became true on the way.
    virtual std::optional<EvaluationReport> evaluate(const EvaluationPlace& place) = 0;
};

}  // namespace moco

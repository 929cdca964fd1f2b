#include "moco/tasks/finetune.h"

#include <utility>

#include "moco/data/subset.h"
#include "moco/eval/csv.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

constexpr const char* kLabelsFile = "labels.csv";

LabelledParts parts_of(const FinetuneSettings& s, const Splits& data) {
    return labelled_parts(s, *labelled_training_part(data, s.data.spec, "fine-tuning"));
}

ClassifierPlan plan_of(const FinetuneSettings& s, const Splits& data, const LabelledParts& parts) {
    const DatasetInfo& info = data.train->info();
    ClassifierPlan plan;
    plan.title = "Fine-tuning";
    plan.command = FinetuneSettings::command;
    plan.results = ".";
    plan.train = std::ssize(parts.train) == info.count ? data.train : subset(data.train, parts.train, info.part);
    if (!parts.val.empty()) plan.val = subset(data.train, parts.val, "val");
    plan.test = labelled_test_part(data);
    plan.network = network_config(s, info.channels, info.classes);
    plan.rates = depth_rates(s);
    plan.loss.smoothing = static_cast<float>(s.label_smoothing);
    plan.mode = s.bn == "frozen" ? BatchNormMode::frozen : BatchNormMode::train;
    plan.schedule = schedule_of(s.optimizer, preset<FinetuneSettings>(s.preset).optimizer);
    plan.eval_every = s.eval_every;
    return plan;
}

}  // namespace

Finetune::Finetune(const FinetuneSettings& settings, const Splits& data, Backend& backend, Communicator& comm)
    : Finetune(settings, data, parts_of(settings, data), backend, comm) {}

Finetune::Finetune(const FinetuneSettings& settings, const Splits& data, LabelledParts parts, Backend& backend,
                   Communicator& comm)
    : ClassifierTask(settings, plan_of(settings, data, parts), backend, comm),
      settings_(settings),
      whole_(data.train),
      parts_(std::move(parts)) {}

std::vector<std::string> Finetune::notes() const {
    std::vector<std::string> notes = ClassifierTask::notes();
    const int64_t used = std::ssize(parts_.train), held = std::ssize(parts_.val);
    if (used < whole_->count()) {
        notes.push_back(fmt::format("{} of {} images are trained on (--labels {}{}); {} names them", used,
                                    whole_->count(), settings_.labels,
                                    held > 0 ? fmt::format(", {} held out", held) : "", kLabelsFile));
    }
    return notes;
}

void Finetune::warm_start(const std::filesystem::path& file) {
    if (!settings_.untrained) ClassifierTask::warm_start(file);
}

std::optional<EvaluationReport> Finetune::evaluate(const EvaluationPlace& place) {
    if (!place.folder.empty()) {
        std::string text = "path,label\n";
        for (const int64_t i : parts_.train) {
            text += fmt::format("{},{}\n", csv_field(whole_->path(i)),
                                csv_class(whole_->info().class_names, whole_->label(i)));
        }
        write_file_atomically(place.folder / kLabelsFile, text);
    }
    return ClassifierTask::evaluate(place);
}

}  // namespace moco

// Fine-tuning as a task on the loop: which labels it uses, what learns and what stays, that it resumes to the same
// bits.
#include "moco/tasks/finetune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "moco/tasks/weights.h"
#include "tests/moco/tasks/transfer_runs.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;

class FinetuneRun : public ::testing::Test {
  protected:
    FinetuneSettings settings(const std::string& name) const {
        FinetuneSettings s = transfer_run<Finetune>(source_, folder_ / name);
        s.label_smoothing = 0.1, s.layer_decay = 0.5;
        s.optimizer.warmup = 0.5;
        return s;
    }
    std::vector<std::pair<std::string, std::string>> source_encoder() const {
        auto source = tensors_of(source_ / kLastCheckpoint, "encoder_q.");
        std::erase_if(source, [](const auto& named) { return named.first.starts_with("fc."); });
        return source;
    }
    TempFolder folder_;
    std::filesystem::path source_ = pretrained_run(folder_ / "pretrained");
};

TEST_F(FinetuneRun, WritesWhatARunFolderPromises) {
    FinetuneSettings s = settings("run");
    s.labels = "5";
    Watcher watcher;
    const RunSummary summary = run<Finetune>(s, watcher);
    EXPECT_EQ(watcher.plan.title, "Fine-tuning");
    EXPECT_EQ(watcher.plan.train_images, 50);
    EXPECT_THAT(watcher.notes,
                ElementsAre("50 of 86 images are trained on (--labels 5, 20 held out); labels.csv names them"));
    ASSERT_EQ(watcher.epochs.size(), 2u);
    for (const char* name : {"val_top1", "val_top5", "test_top1", "test_top5"}) {
        EXPECT_GE(value_of(watcher.epochs[1].evaluation, name), 0) << name;
    }
    const auto results = nlohmann::json::parse(read_bytes(folder_ / "run" / "results.json"));
    EXPECT_EQ(results["task"], "finetune");
    EXPECT_EQ(results["part"], "test");
    EXPECT_EQ(results["images"], 10);
    EXPECT_EQ(results["top1"], value_of(watcher.epochs[1].evaluation, "test_top1"));

    // It opens as a network with its classifier.
    const auto network = load_network(summary.checkpoint, {}, cpu());
    EXPECT_EQ(network->output_dim(), 10);
    EXPECT_EQ(network_of(SafetensorsFile(summary.checkpoint)).image_size, 32);
}

TEST_F(FinetuneRun, NamesTheImagesWhoseLabelsItUses) {
    FinetuneSettings s = settings("run");
    s.labels = "5";
    run<Finetune>(s);
    const Splits data = open_dataset(s.data.spec);
    const LabelledParts parts = labelled_parts(s, *data.train);
    std::string expected = "path,label\n";
    for (const int64_t i : parts.train) {
        expected += fmt::format("{},{}\n", data.train->path(i),
                                data.train->info().class_names[static_cast<size_t>(data.train->label(i))]);
    }
    EXPECT_EQ(read_bytes(folder_ / "run" / "labels.csv"), expected);
    EXPECT_EQ(parts.train.size(), 50u);
}

TEST_F(FinetuneRun, WhatIsFrozenStaysAndTheRestLearns) {
    struct Case {
        std::string name, bn;
        int64_t stages;
    };
    for (const auto& [name, bn, stages] :
         {Case{"all", "train", 0}, Case{"two", "train", 2}, Case{"frozen", "frozen", 0}, Case{"both", "frozen", 3}}) {
        SCOPED_TRACE(name);
        FinetuneSettings s = settings(name);
        s.bn = bn, s.freeze_stages = stages;
        const auto before = source_encoder(), after = tensors_of(run<Finetune>(s).checkpoint, "encoder.");
        ASSERT_EQ(before.size(), after.size());
        for (size_t i = 0; i < before.size(); ++i) {
            ASSERT_EQ(before[i].first, after[i].first);
            const std::string& tensor = before[i].first;
            const int64_t stage = tensor.starts_with("layer") ? tensor[5] - '0' : 0;
            const bool statistic = tensor.find("running") != std::string::npos || tensor.ends_with("tracked");
            const bool stays = stage < stages || (statistic && bn == "frozen");
            EXPECT_EQ(before[i].second == after[i].second, stays) << tensor;
        }
    }
}

TEST_F(FinetuneRun, ARunStoppedAfterAnyStepEndsInTheSameBits) {
    expect_resumes_to_the_same_bits<Finetune>(folder_, source_,
                                              [this](const std::string& name) { return settings(name); });
}

TEST_F(FinetuneRun, WithFrozenPartsAndFewLabelsToo) {
    expect_resumes_to_the_same_bits<Finetune>(folder_, source_, [this](const std::string& name) {
        FinetuneSettings s = settings(name);
        s.bn = "frozen", s.freeze_stages = 1, s.labels = "90%";
        return s;
    });
}

TEST_F(FinetuneRun, ThreadsAndWorkersChangeNoBit) {
    expect_the_same_bits_on_any_threads<Finetune>([this](const std::string& name) {
        FinetuneSettings s = settings(name);
        s.bn_splits = 2, s.optimizer.accumulate = 2, s.freeze_stages = 1;
        return s;
    });
}

TEST_F(FinetuneRun, Bf16GoesWithWhatIsFrozen) {
    for (const auto& [bn, stages] : {std::pair<std::string, int64_t>{"train", 2}, {"frozen", 0}, {"frozen", 2}}) {
        FinetuneSettings s = settings(fmt::format("{}{}", bn, stages));
        s.bn = bn, s.freeze_stages = stages, s.run.precision = "bf16";
        EXPECT_EQ(run<Finetune>(s).step, 8);
        cpu().set_precision(Precision::f32);
    }
}

TEST_F(FinetuneRun, EpochsThatAreNotGivenMakeAThousandStepsAndThirtyEpochs) {
    struct Case {
        std::string labels;
        int64_t batch, epochs;
    };
    const Splits data = open_dataset("shapes:86");
    for (const auto& [labels, batch, epochs] : {Case{"100%", 16, 250},   // 66 images: 4 steps an epoch
                                                Case{"100%", 2, 31},     // 33 steps
                                                Case{"100%", 1, 30},     // 66 steps
                                                Case{"1", 16, 1000}}) {  // less than a batch
        FinetuneSettings s = settings("epochs");
        s.optimizer.epochs = 0, s.labels = labels, s.optimizer.batch_size = batch;
        take_from_data(s, data);
        EXPECT_EQ(s.optimizer.epochs, epochs) << labels << ", batches of " << batch;
        s.optimizer.epochs = 7;
        take_from_data(s, data);
        EXPECT_EQ(s.optimizer.epochs, 7) << "as given";
    }
}

TEST_F(FinetuneRun, RunsThatCannotBeAreRefused) {
    struct Case {
        std::string name;
        void (*change)(FinetuneSettings&);
        std::string sentence;
    };
    for (const auto& [name, change, sentence] :
         {Case{"many", [](FinetuneSettings& s) { s.labels = "9"; }, "--labels 9: class disc has 7 images to train on"},
          Case{"few", [](FinetuneSettings& s) { s.labels = "1"; },
               "--data shapes:86 has 10 images, fewer than one --batch-size 16"}}) {
        FinetuneSettings s = settings(name);
        change(s);
        EXPECT_EQ(message_of([&] { run<Finetune>(s); }), sentence);
        EXPECT_FALSE(std::filesystem::exists(folder_ / name));
    }
}

class FinetuneOnDevice : public EachBackend {};

TEST_P(FinetuneOnDevice, AReplayedRunEndsInTheBitsOfAnIssuedOne) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    const TempFolder folder;
    const std::filesystem::path source = pretrained_run(folder / "pretrained");
    for (const std::string bn : {"train", "frozen"}) {
        SCOPED_TRACE(bn);
        FinetuneSettings s = transfer_run<Finetune>(source, folder / bn);
        s.bn = bn, s.freeze_stages = 1, s.layer_decay = 0.5, s.label_smoothing = 0.1;
        s.bn_splits = 2, s.optimizer.accumulate = 2;
        s.views.image_size = 16;
        s.data.spec = "shapes:32", s.optimizer.batch_size = 8;
        s.optimizer.epochs = 3, s.eval_every = 0, s.run.max_steps = 5;  // two issued, the others replayed
        const TempFolder runs;
        expect_replays_equal_steps<Finetune>(s, runs, backend());
    }
}

MOCO_FOR_EACH_BACKEND(FinetuneOnDevice);

}  // namespace
}  // namespace moco::testing

// The linear probe as a task on the loop: what it writes, that it resumes to the same bits, that nothing frozen moves.
#include "moco/tasks/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "moco/tasks/weights.h"
#include "ops/gather_rows.h"
#include "tests/moco/data/flawed_dataset.h"
#include "tests/moco/tasks/transfer_runs.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;

class ProbeRun : public ::testing::Test {
  protected:
    ProbeSettings settings(const std::string& name, const std::string& features = "augmented") const {
        ProbeSettings s = transfer_run<Probe>(source_, folder_ / name);
        s.features = features;
        s.rates = "0.3,3,1";
        s.optimizer.schedule = {1};
        return s;
    }
    TempFolder folder_;
    std::filesystem::path source_ = pretrained_run(folder_ / "pretrained");
};

TEST_F(ProbeRun, WritesWhatARunFolderPromises) {
    Watcher watcher;
    const RunSummary summary = run<Probe>(settings("run"), watcher);
    EXPECT_EQ(summary.step, 8);
    EXPECT_EQ(watcher.plan.title, "Linear probe");
    EXPECT_EQ(watcher.plan.train_images, 66);
    EXPECT_EQ(watcher.plan.about,
              "3 linear classifiers on 32 frozen features; 10 classes. Loss and accuracy of training are those of the "
              "first.");
    EXPECT_THAT(watcher.notes, ElementsAre());
    EXPECT_NEAR(watcher.steps[4].lr, 0.1, 1e-7) << "times each head's rate, a tenth of it after the first epoch";

    const auto results = nlohmann::json::parse(read_bytes(folder_ / "run" / "results.json"));
    EXPECT_EQ(results["task"], "probe");
    EXPECT_EQ(results["part"], "test");
    const auto heads = results["heads"];
    ASSERT_EQ(heads.size(), 3u);
    EXPECT_EQ(heads[0]["lr"], 0.3);
    EXPECT_EQ(heads[1]["lr"], 1);
    EXPECT_EQ(heads[2]["lr"], 3);
    ASSERT_EQ(watcher.epochs.size(), 2u);
    const std::optional<EvaluationReport>& last = watcher.epochs[1].evaluation;
    double best = -1;
    size_t at = 0;
    for (size_t h = 0; h < 3; ++h) {
        if (heads[h]["val_top1"] > best) best = heads[h]["val_top1"], at = h;
    }
    EXPECT_EQ(value_of(last, "val_top1"), best);
    EXPECT_EQ(value_of(last, "best_lr"), heads[at]["lr"]);
    EXPECT_EQ(value_of(last, "test_top1"), heads[at]["top1"]);
    EXPECT_EQ(results["top1"], heads[at]["top1"]);
    EXPECT_EQ(SafetensorsFile(summary.checkpoint).read_integers(SafetensorsFile(summary.checkpoint).at("best_head")),
              std::vector<int64_t>{static_cast<int64_t>(at)});
}

TEST_F(ProbeRun, LeavesTheEncoderAsItWas) {
    for (const std::string features : {"augmented", "cached"}) {
        const RunSummary summary = run<Probe>(settings(features, features));
        const auto frozen = tensors_of(summary.checkpoint, "encoder.");
        auto source = tensors_of(source_ / kLastCheckpoint, "encoder_q.");
        std::erase_if(source, [](const auto& named) { return named.first.starts_with("fc."); });
        EXPECT_EQ(frozen, source) << features;
    }
}

TEST_F(ProbeRun, AnUntrainedNetworkKeepsItsOwnWeights) {
    ProbeSettings s = settings("untrained");
    s.untrained = true;
    const RunSummary summary = run<Probe>(s);
    const ModuleState fresh = Network(network_config(s, 3), s.run.seed, cpu()).state();
    const ModuleState kept = load_network(summary.checkpoint, {}, cpu())->state();
    for (size_t i = 0; i < fresh.parameters.size(); ++i) {
        EXPECT_EQ(kept.parameters[i].tensor.to_vector(), fresh.parameters[i].tensor.to_vector())
            << kept.parameters[i].name;
    }
    EXPECT_EQ(kept.buffers[0].tensor.to_vector(), fresh.buffers[0].tensor.to_vector());
}

TEST_F(ProbeRun, ARunStoppedAfterAnyStepEndsInTheSameBits) {
    expect_resumes_to_the_same_bits<Probe>(folder_, source_,
                                           [this](const std::string& name) { return settings(name); });
}

TEST_F(ProbeRun, OnCachedFeaturesToo) {
    const auto in = [this](const std::string& name) { return settings(name, "cached"); };
    expect_resumes_to_the_same_bits<Probe>(folder_, source_, in);
}

TEST_F(ProbeRun, ThreadsAndWorkersChangeNoBit) {
    for (const std::string features : {"augmented", "cached"}) {
        SCOPED_TRACE(features);
        expect_the_same_bits_on_any_threads<Probe>(
            [&](const std::string& name) { return settings(features + name, features); });
    }
}

TEST_F(ProbeRun, CachedFeaturesAreReadOnceAndAnnounced) {
    Watcher watcher;
    run<Probe>(settings("run", "cached"), watcher);
    EXPECT_THAT(watcher.notes, ElementsAre("the first step waits for the features of 66 images"));
    EXPECT_THAT(watcher.evaluations, ElementsAre("features of 20 val images", "features of 10 test images"));
}

TEST_F(ProbeRun, OnCachedFeaturesEachImageBringsItsOwn) {
    ProbeSettings s = settings("run", "cached");
    s.rates = "1", s.val_share = 0, s.optimizer.epochs = 1;
    Splits data = open_dataset(s.data.spec);
    data.train = std::make_shared<FlawedDataset>(data.train, std::set<int64_t>{0, 40, 41});
    Watcher watcher;
    const SafetensorsFile got(run_on<Probe>(s, data, cpu(), watcher).checkpoint);
    EXPECT_THAT(watcher.notes, ElementsAre("the first step waits for the features of 86 images",
                                           "3 training images cannot be read and are left out; the first: " +
                                               data.train->path(0) + " is damaged"));

    // The same by hand; unreadable images are those before them, or the first that can be read.
    LinearProbe probe(network_config(s, 3), 10, {1}, sgd_options(s.optimizer), s.run.seed, cpu());
    warm_start(s.run.init, probe.f, WarmHead::fresh);
    const EvalTransform transform = default_transform(data.train->info(), 32);
    const Tensor all = extract_features(probe.f, open_dataset(s.data.spec).train, transform, {}, cpu()).backbone;
    LoaderOptions options;
    options.batch = 16, options.size = 32;
    Loader loader(data.train, {}, options, cpu());
    probe.sgd.set_learning_rate(1);
    SingleProcess comm;
    for (int64_t step = 0; step < 5; ++step) {
        std::vector<int64_t> rows, labels;
        for (const int64_t i : loader.next().indices) {
            rows.push_back(i == 0 ? 1 : i == 40 || i == 41 ? 39 : i);
            labels.push_back(data.train->label(rows.back()));
        }
        probe_step(probe, gather_rows(all, Tensor::from_host(rows, {16}, cpu())),
                   Tensor::from_host(labels, {16}, cpu()), comm);
    }
    EXPECT_EQ(got.read_floats(got.at("fc.weight")), probe.heads_state().parameters[0].tensor.to_vector());
}

TEST_F(ProbeRun, OneHeadsCheckpointOpensAsANetwork) {
    ProbeSettings s = settings("run");
    s.rates = "1", s.val_share = 0;
    const RunSummary summary = run<Probe>(s);
    const SafetensorsFile file(summary.checkpoint);
    EXPECT_EQ(file.find("best_head"), nullptr);
    const TrainedNetwork known = network_of(file);
    EXPECT_EQ(known.head_prefix, "fc.");
    EXPECT_EQ(known.config.dim, 10);
    EXPECT_EQ(known.image_size, 32);
    const auto network = load_network(summary.checkpoint, {}, cpu());
    EXPECT_EQ(network->state().parameters.back().tensor.to_vector(), file.read_floats(file.at("fc.bias")));
}

TEST_F(ProbeRun, OfSeveralHeadsTheBestOne) {
    const RunSummary summary = run<Probe>(settings("run"));
    const SafetensorsFile file(summary.checkpoint);
    const int64_t best = file.read_integers(file.at("best_head"))[0];
    EXPECT_EQ(network_of(file).head_prefix, fmt::format("heads.{}.", best));
    const auto network = load_network(summary.checkpoint, {}, cpu());
    EXPECT_EQ(network->output_dim(), 10);
    EXPECT_EQ(network->state().parameters.back().tensor.to_vector(),
              file.read_floats(file.at(fmt::format("heads.{}.bias", best))));

    // And it goes on into a probe of a probe, with the encoder alone.
    ProbeSettings next = transfer_run<Probe>(summary.folder, folder_ / "next");
    EXPECT_EQ(tensors_of(run<Probe>(next).checkpoint, "encoder."), tensors_of(summary.checkpoint, "encoder."));
}

/// Adds to one number of the tensor that is called `name`.
class Corrupting : public StateVisitor {
  public:
    explicit Corrupting(std::string name) : name_(std::move(name)) {}
    void tensor(const NamedTensor& named) override {
        if (named.name != name_) return;
        std::vector<float> values = named.tensor.to_vector();
        values.back() += 1;
        Tensor(named.tensor).copy_from_host(values.data());
        found = true;
    }
    void integer(const std::string&, int64_t&, int64_t) override {}

    bool found = false;

  private:
    std::string name_;
};

/// Corrupts a run's state after a step.
class Corrupter : public Watcher {
  public:
    void step_done(const StepReport& report) override {
        Watcher::step_done(report);
        if (report.step != 5 || name.empty()) return;
        Corrupting visitor(name);
        task->visit(visitor);
        EXPECT_TRUE(visitor.found) << name;
    }
    Task* task = nullptr;
    std::string name;
};

TEST_F(ProbeRun, AFrozenWeightThatMovedIsNoticed) {
    const std::string sentence =
        "a weight or a statistic of the frozen encoder has changed during the probe, which must not be: its accuracy "
        "is worth nothing; please report this";
    struct Case {
        std::string name, message;
    };
    for (const auto& [name, message] :
         {Case{"encoder.conv1.weight", sentence}, Case{"encoder.layer4.1.bn2.running_var", sentence},
          Case{"", "no Error"}, Case{"heads.1.bias", "no Error"}}) {
        ProbeSettings s = settings("run" + name);
        const Splits data = open_dataset(s.data.spec);
        SingleProcess comm;
        Probe task(s, data, cpu(), comm);
        Corrupter corrupter;
        corrupter.task = &task, corrupter.name = name;
        const SettingTable table = table_of(s);
        EXPECT_EQ(message_of([&] {
                      train(task, {"probe", s, table, RunStart::fresh}, cpu(), {&corrupter}, comm, corrupter.stop);
                  }),
                  message)
            << name;
    }
}

TEST_F(ProbeRun, DataThatDoNotDoAreRefused) {
    ProbeSettings s = settings("run");
    Splits data = open_dataset(s.data.spec);
    SingleProcess comm;
    const auto refused = [&] { return message_of([&] { Probe(s, data, cpu(), comm); }); };
    // Everything is held out: a class has one image, the nearest number to a half of it is one.
    data = open_dataset("shapes:10");
    s.val_share = 0.5;
    EXPECT_EQ(refused(), "--val-share 0.5: of the 10 labelled images of shapes none is left to train on");
}

TEST_F(ProbeRun, ALossThatIsNotFiniteNamesTheRatesThatWereGiven) {
    ProbeSettings s = settings("run");
    s.rates = "3e38", s.optimizer.schedule = {};
    EXPECT_THAT(message_of([&] { run<Probe>(s); }), ::testing::HasSubstr("a lower --lr (now 3e38) may help"));
}

class ProbeOnDevice : public EachBackend {};

TEST_P(ProbeOnDevice, AReplayedRunEndsInTheBitsOfAnIssuedOne) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    const TempFolder folder;
    const std::filesystem::path source = pretrained_run(folder / "pretrained");
    for (const std::string features : {"augmented", "cached"}) {
        SCOPED_TRACE(features);
        ProbeSettings s = transfer_run<Probe>(source, folder / features);
        s.features = features;
        s.rates = "0.3,3";
        s.views.image_size = 16;
        s.data.spec = "shapes:32", s.optimizer.batch_size = 8;
        s.optimizer.epochs = 3, s.eval_every = 0, s.run.max_steps = 5;  // two issued, the others replayed
        const TempFolder runs;
        expect_replays_equal_steps<Probe>(s, runs, backend());
    }
}

MOCO_FOR_EACH_BACKEND(ProbeOnDevice);

}  // namespace
}  // namespace moco::testing

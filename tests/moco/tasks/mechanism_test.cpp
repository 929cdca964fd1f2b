// Whole runs of the mechanisms beside MoCo: what they train and write, resume, ranks, replayed steps, and what is
// refused.
#include "moco/tasks/mechanism.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/tasks/convert.h"
#include "nn/safetensors.h"
#include "tests/moco/mechanism_steps.h"
#include "tests/moco/runs.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::HasSubstr;

PretrainSettings tiny(const std::string& mechanism, const std::filesystem::path& folder) {
    PretrainSettings s = tiny_run(folder);
    s.method.mechanism = mechanism;
    if (mechanism == "end-to-end") s.method.moco_k = s.optimizer.batch_size;
    return s;
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
    const SafetensorsFile file(folder / kLastCheckpoint);
    std::vector<std::string> names;
    for (const TensorEntry& entry : file.entries()) names.push_back(entry.name);
    return names;
}

class MechanismRuns : public ::testing::TestWithParam<const char*> {
  protected:
    const TempFolder folder_;
};

TEST_P(MechanismRuns, AStoppedRunGoesOnToTheSameBits) {
    Watcher whole, first, second;
    run(tiny(GetParam(), folder_ / "whole"), whole);
    first.stop_after = 3;
    EXPECT_EQ(run(tiny(GetParam(), folder_ / "broken"), first).end, RunEnd::stopped);
    EXPECT_EQ(resume(folder_ / "broken", second).end, RunEnd::finished);
    EXPECT_EQ(checkpoint_bytes(folder_ / "broken"), checkpoint_bytes(folder_ / "whole"));
    EXPECT_EQ(log_without_times(folder_ / "broken"), log_without_times(folder_ / "whole"));
    EXPECT_LT(whole.epochs.back().values[0], whole.epochs.front().values[0]);
    EXPECT_GT(value_of(whole.epochs.back().evaluation, "knn_backbone"), 0);
}

TEST_P(MechanismRuns, AResumeWithAnotherMechanismIsRefused) {
    run(tiny(GetParam(), folder_ / "run"));
    EXPECT_EQ(message_of([&] {
                  resume_settings<PretrainSettings>(folder_ / "run", {{"mechanism", "moco"}});
              }),
              fmt::format("--mechanism moco: the run to resume has {}, and a resume may not change it", GetParam()));
    const std::vector<std::string> names = names_in(folder_ / "run");
    EXPECT_THAT(names, ::testing::Contains("encoder_q.layer4.1.conv2.weight"));
    EXPECT_THAT(names, ::testing::Not(::testing::Contains(HasSubstr("encoder_k"))));
    EXPECT_THAT(names, ::testing::Not(::testing::Contains("queue")));
}

TEST_P(MechanismRuns, RanksAreOneProcessWithTheirSplits) {
    PretrainSettings s = tiny(GetParam(), folder_ / "alone");
    s.run.conv = "direct";  // which algorithm is chosen depends on the size of a rank's part
    s.run.max_steps = 4;
    s.optimizer.lr = 0.01;
    s.knn.every = 0;
    s.method.shuffle_bn = false;  // ranks shuffle in another order
    s.run.seed = 1;               // one in which no input of a ReLU is so near to 0 that rounding decides
    Watcher alone, together;
    run(s, alone);
    s.run.out = folder_ / "ranks";
    cpu().set_conv_algorithm(ConvAlgorithm::direct);
    run_on_threads(2, [&](Communicator& comm) {
        const Splits data = open_dataset(s.data.spec);
        Pretraining task(s, data, cpu(), comm);
        PretrainSettings written = s;
        const SettingTable table = table_of(written);
        std::vector<RunObserver*> observers;
        if (comm.rank() == 0) observers.push_back(&together);
        train(task, {"pretrain", written, table}, cpu(), observers, comm, together.stop);
    });
    cpu().set_conv_algorithm(ConvAlgorithm::auto_select);
    ASSERT_EQ(together.steps.size(), 4u);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(together.steps[i].values[0], alone.steps[i].values[0], 1e-4);
    const SafetensorsFile one(folder_ / "alone" / kLastCheckpoint), two(folder_ / "ranks" / kLastCheckpoint);
    const std::string name = "encoder_q.layer4.1.conv2.weight";
    EXPECT_LE(error_over_rms(two.read_floats(two.at(name)), one.read_floats(one.at(name))), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Each, MechanismRuns, ::testing::Values("end-to-end", "memory-bank"),
                         [](const auto& each) { return std::string(each.param).substr(0, 3); });

TEST(Mechanisms, OneGroupOfStatisticsIsForOneProcess) {
    const TempFolder folder;
    PretrainSettings s = tiny_run(folder / "run");
    s.method.bn_splits = 1;
    EXPECT_EQ(message_of([&] {
                  run_on_threads(2, [&](Communicator& comm) {
                      make_mechanism(s, open_dataset(s.data.spec).pretrain->info(), cpu(), comm);
                  });
              }),
              "--bn-splits 1 does not divide among 2 processes: each normalises its images by themselves, so --bn "
              "global is for one process");
}

TEST(Mechanisms, TheMemoryBankKeepsAnEntryForEveryImageAndTakesParts) {
    const TempFolder folder;
    PretrainSettings s = tiny("memory-bank", folder / "run"), parts = tiny("memory-bank", folder / "parts");
    for (PretrainSettings* one : {&s, &parts}) one->run.conv = "direct", one->run.max_steps = 3, one->knn.every = 0;
    parts.optimizer.accumulate = 2;
    run(s), run(parts);
    const SafetensorsFile whole(folder / "run" / kLastCheckpoint), cut(folder / "parts" / kLastCheckpoint);
    EXPECT_EQ(whole.at("bank").shape, (std::vector<int64_t>{86, 8}));
    EXPECT_LE(error_over_rms(cut.read_floats(cut.at("bank")), whole.read_floats(whole.at("bank"))), 1e-3);
}

TEST(Mechanisms, OtherProgramsGetTheEncoderButNoRunThatTheyDoNotKnow) {
    const TempFolder folder;
    PretrainSettings s = tiny("end-to-end", folder / "run");
    s.run.max_steps = 1, s.knn.every = 0;
    run(s);
    const std::filesystem::path checkpoint = folder / "run" / kLastCheckpoint;
    ConvertOptions options;
    EXPECT_GT(convert(checkpoint, folder / "encoder.pth", options).tensors, 60);
    options.naming = Naming::reference;
    EXPECT_EQ(message_of([&] { convert(checkpoint, folder / "run.pth.tar", options); }),
              checkpoint.string() +
                  " holds no queue, for its run had another --mechanism than MoCo's, which is the only "
                  "one of the reference code; --strip writes the backbone");
    options.naming = Naming::torchvision;
    options.encoder = WhichEncoder::key;
    EXPECT_EQ(
        message_of([&] { convert(checkpoint, folder / "key.pth", options); }),
        "--encoder k: " + checkpoint.string() + " is of a run with --mechanism end-to-end, which has one encoder");
}

class ReplayedMechanisms : public EachBackend {};

/// Ten steps issued call by call, and ten replayed (the first two warm up), have the same bits.
template <typename Model, typename Step>
void expect_same_bits(Model& issued, Model& replayed, const Step& step, Backend& backend) {
    MachineSettings machine;
    machine.cuda_graph = true;
    SingleProcess comm;
    StepRunner at_once({}, backend, comm), recorded(machine, backend, comm);
    for (int64_t i = 0; i < golden_steps::kSteps; ++i) {
        const StepValues a = step(issued, i, at_once, comm), b = step(replayed, i, recorded, comm);
        EXPECT_EQ(a[0].tensor.item(), b[0].tensor.item()) << "step " << i;
        EXPECT_EQ(a[1].tensor.item(), b[1].tensor.item()) << "step " << i;
    }
}

TEST_P(ReplayedMechanisms, EndToEnd) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    const NetworkConfig config = mechanism_encoder(golden_steps::kSplits);
    SingleEncoder issued(config, golden_steps::kSgd, 0, backend()), replayed(config, golden_steps::kSgd, 0, backend());
    const auto step = [&](SingleEncoder& encoder, int64_t i, StepRunner& runner, Communicator& comm) {
        Views x = {golden_steps_images(1, 2 * i, backend()), golden_steps_images(1, 2 * i + 1, backend())};
        PlacedEndToEnd placed = place_numbers(
            encoder, {golden_steps_rate(i), golden_steps::kT, draw_shuffle_order(golden_steps::kBatch, 3, 0, i, 0)},
            golden_steps::kBatch, comm);
        std::vector<Tensor*> inputs = placed.placed();
        inputs.insert(inputs.end(), {&x.query, &x.key});
        return runner.run(inputs, [&] { return end_to_end_step(encoder, x, placed, comm); });
    };
    expect_same_bits(issued, replayed, step, backend());
    EXPECT_EQ(issued.parameters.values().to_vector(), replayed.parameters.values().to_vector());
}

TEST_P(ReplayedMechanisms, MemoryBank) {
    if (backend().record([] {}) == nullptr) GTEST_SKIP() << "this device cannot record";
    const NetworkConfig config = mechanism_encoder(golden_steps::kSplits);
    const int64_t images = mechanism_steps::kImages;
    BankedEncoder issued(config, images, golden_steps::kSgd, 0, backend()),
        replayed(config, images, golden_steps::kSgd, 0, backend());
    const auto step = [&](BankedEncoder& model, int64_t i, StepRunner& runner, Communicator& comm) {
        Tensor x = golden_steps_images(1, i, backend());
        PlacedBankNumbers placed = place_numbers(model, {golden_steps_rate(i), golden_steps::kT, 1, images_of_step(i),
                                                         draw_negatives(golden_steps::kQueue, images, 0, 0, i)});
        std::vector<Tensor*> inputs = placed.placed();
        inputs.push_back(&x);
        return runner.run(inputs, [&] { return memory_bank_step(model, x, placed, comm); });
    };
    expect_same_bits(issued, replayed, step, backend());
    EXPECT_EQ(issued.encoder.parameters.values().to_vector(), replayed.encoder.parameters.values().to_vector());
    EXPECT_EQ(issued.bank.entries().to_vector(), replayed.bank.entries().to_vector());
    EXPECT_EQ(issued.bank.entries().version(), replayed.bank.entries().version());
}

MOCO_FOR_EACH_BACKEND(ReplayedMechanisms);

}  // namespace
}  // namespace moco::testing

// Weights for other programs: every naming and container, read back by our readers. tests/apps/weights_slow_test.cpp
// lets the programs themselves read them.
#include "moco/tasks/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/interchange/open_tensors.h"
#include "moco/interchange/tensor_diff.h"
#include "moco/model.h"
#include "moco/tasks/pretraining.h"
#include "moco/tasks/weights.h"
#include "nn/safetensors.h"
#include "nn/serialize.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;

const TrainedOn kTrainedOn = {"shapes", 3, 100};

/// A checkpoint of `moco pretrain` at epoch 3, with nothing at zero.
class Convert : public ::testing::Test {
  protected:
    void SetUp() override {
        settings_ = preset<PretrainSettings>("cifar-demo");
        settings_.encoder.width = 4;
        settings_.method.moco_dim = 6;
        settings_.method.moco_k = 8;
    }
    /// The checkpoint, with this head.
    fs::path checkpoint(bool mlp) {
        settings_.method.mlp = mlp;
        const SgdOptions sgd = {0.9f, 1e-4f};
        Moco moco(network_config(settings_, 3), settings_.method.moco_k, sgd, 7, cpu());
        float next = 0.25f;
        Filler filler(next);
        moco.visit(filler);
        CheckpointHeader header;
        header.config = method_settings(table_of(settings_));
        header.trained_on = kTrainedOn;
        header.instruction_set = "x";
        save_checkpoint(folder_ / "c.safetensors", header, {3, 17, 42, {}, 2, 1}, {},
                        [&](StateVisitor& visitor) { moco.visit(visitor); });
        return folder_ / "c.safetensors";
    }
    void expect_same_network(const fs::path& a, const fs::path& b, WhichEncoder which, size_t tensors,
                             double largest = 0) {
        BareFileHints of_a;
        of_a.encoder = which;
        size_t compared = 0;
        for (const TensorDiff& diff : diff_of(*open_network(a, of_a).network, *open_network(b, {}).network)) {
            compared += diff.compared;
            EXPECT_LE(diff.largest, largest) << diff.name;
        }
        EXPECT_EQ(compared, tensors) << b;
    }

    /// Gives every tensor numbers of its own.
    class Filler final : public StateVisitor {
      public:
        explicit Filler(float& next) : next_(next) {}
        void tensor(const NamedTensor& named) override {
            if (named.tensor.dtype() != DType::f32) return;
            std::vector<float> values(static_cast<size_t>(named.tensor.count()));
            for (float& value : values) value = next_ += 0.001f;
            Tensor(named.tensor).copy_from_host(values.data());
        }
        void integer(const std::string&, int64_t& value, int64_t end) override { value = 5 % end; }

      private:
        float& next_;
    };

    PretrainSettings settings_;
    TempFolder folder_;
};

constexpr size_t kBackbone = 120;  // tensors of a ResNet-18

TEST_F(Convert, EveryNamingAndContainerComesBack) {
    for (const bool mlp : {false, true}) {
        const fs::path file = checkpoint(mlp);
        const size_t head = mlp ? 4 : 2;
        struct Row {
            const char* to;
            const char* name;
            size_t tensors;
        };
        for (const Row& row : {Row{"torchvision", "a.pth", kBackbone + (mlp ? 0 : head)},
                               {"timm", "a.npz", kBackbone + (mlp ? 0 : head)},
                               {"moco", "a.pth.tar", kBackbone + head},
                               {"detectron2", "a.pkl", kBackbone},
                               {"detectron2", "d.pth", kBackbone},
                               {"mmpretrain", "m.pth", kBackbone + head},
                               {"safetensors", "s.safetensors", kBackbone + head}}) {
            SCOPED_TRACE(fmt::format("{} {}", row.to, row.name));
            ConvertOptions options;
            options.naming = naming_from(row.to);
            const Converted done = convert(file, folder_ / row.name, options);
            EXPECT_EQ(done.arch, "resnet18");
            EXPECT_EQ(done.notes.empty(), row.tensors == kBackbone + head);
            expect_same_network(file, folder_ / row.name, WhichEncoder::usual, row.tensors);
        }
    }
}

TEST_F(Convert, TheMomentumEncoderTheBackboneAloneAndOtherTypes) {
    const fs::path file = checkpoint(false);
    convert(file, folder_ / "k.pth", {.encoder = WhichEncoder::key});
    expect_same_network(file, folder_ / "k.pth", WhichEncoder::key, kBackbone + 2);
    convert(file, folder_ / "b.pth", {.strip = Strip::all_but_backbone});
    expect_same_network(file, folder_ / "b.pth", WhichEncoder::usual, kBackbone);
    for (const FileDType dtype : {FileDType::f16, FileDType::bf16}) {
        convert(file, folder_ / "h.pth", {.dtype = dtype});
        expect_same_network(file, folder_ / "h.pth", WhichEncoder::usual, kBackbone + 2,
                            dtype == FileDType::f16 ? 0.03 : 0.2);
        const auto written = open_tensors(folder_ / "h.pth");
        EXPECT_EQ(written->at("conv1.weight").dtype, dtype);
        EXPECT_EQ(written->at("bn1.num_batches_tracked").dtype, FileDType::i64);
    }
}

TEST_F(Convert, AReferenceCheckpointHoldsAllThatItsResumeNeeds) {
    const fs::path file = checkpoint(true);
    convert(file, folder_ / "r.pth.tar", {.naming = Naming::reference});
    const auto ours = open_tensors(file), theirs = open_tensors(folder_ / "r.pth.tar");
    EXPECT_EQ(theirs->metadata(), (Metadata{{"epoch", "3"}, {"arch", "resnet18"}}));
    const auto floats = [](const TensorFile& from, const std::string& name) { return from.read_floats(from.at(name)); };
    EXPECT_EQ(floats(*theirs, "state_dict.module.encoder_k.fc.2.bias"), floats(*ours, "encoder_k.fc.2.bias"));
    EXPECT_EQ(floats(*theirs, "state_dict.module.queue"), floats(*ours, "queue"));
    EXPECT_EQ(theirs->read_integers(theirs->at("state_dict.module.queue_ptr")), (std::vector<int64_t>{5}));
    EXPECT_EQ(floats(*theirs, "optimizer.state.0.momentum_buffer"), floats(*ours, "optimizer.conv1.weight"));
    EXPECT_EQ(floats(*theirs, "optimizer.state.2.momentum_buffer"), floats(*ours, "optimizer.bn1.bias"));
    EXPECT_EQ(floats(*theirs, "optimizer.state.63.momentum_buffer"), floats(*ours, "optimizer.fc.2.bias"));
    EXPECT_EQ(theirs->find("optimizer.state.64.momentum_buffer"), nullptr);

    convert(file, folder_ / "s.pth.tar", {.naming = Naming::reference, .strip = Strip::all_but_backbone});
    const auto stripped = open_tensors(folder_ / "s.pth.tar");
    for (const TensorEntry& entry : stripped->entries()) {
        EXPECT_THAT(entry.name, ::testing::StartsWith("state_dict.module.encoder_q."));
    }
}

TEST_F(Convert, EqualContentsGiveEqualBytes) {
    const fs::path file = checkpoint(false);
    for (const char* name : {"x.pth", "x.npz", "x.safetensors"}) {
        convert(file, folder_ / name, {});
        const std::string once = read_bytes(folder_ / name);
        convert(file, folder_ / name, {});
        EXPECT_EQ(read_bytes(folder_ / name), once);
    }
}

TEST_F(Convert, WhatCannotBeWrittenIsRefused) {
    const fs::path file = checkpoint(false);
    expect_error([&] { naming_from("keras"); }, {"--to keras", "torchvision", "mmpretrain"});
    expect_error([&] { convert(file, folder_ / "x.h5", {}); }, {"x.h5", ".safetensors"});
    expect_error([&] { convert(file, folder_ / "x.pkl", {}); }, {"x.pkl", "detectron2"});
    expect_error([&] { convert(file, folder_ / "x.pth", {.naming = Naming::safetensors}); },
                 {"--to safetensors", "x.pth"});
    expect_error([&] { convert(file, folder_ / "x.npz", {.naming = Naming::reference}); }, {"--to moco", "x.npz"});
    expect_error([&] { convert(file, folder_ / "x.npz", {.dtype = FileDType::bf16}); }, {"x.npz", "BF16", "--dtype"});
    EXPECT_FALSE(fs::exists(folder_ / "x.npz"));
    convert(file, folder_ / "t.pth", {});
    expect_error([&] { convert(folder_ / "t.pth", folder_ / "k.pth", {.encoder = WhichEncoder::key}); },
                 {"--encoder k", "t.pth"});
}

}  // namespace
}  // namespace moco::testing

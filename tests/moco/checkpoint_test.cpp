// Checkpoints: PyTorch's layouts, everything comes back, and every wrong file is refused in one sentence.
#include "moco/checkpoint.h"

#include <gtest/gtest.h>

#include "moco/model.h"
#include "nn/resnet.h"
#include "nn/safetensors.h"
#include "nn/serialize.h"
#include "tests/moco/golden_steps.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

RunConfig golden_run_config() {
    RunConfig config = preset("cifar-demo");
    config.width = 8;
    config.mlp = true;
    config.moco_dim = golden_steps::kDim;
    config.bn_splits = golden_steps::kSplits;
    config.moco_k = golden_steps::kQueue;
    config.crop_min = 0.3;
    return config;
}

const TrainedOn kTrainedOn = {"shapes", golden_steps::kChannels, 100};

class CheckpointTest : public EachBackend {
  protected:
    std::unique_ptr<Moco> make(const RunConfig& config, uint64_t seed) {
        return std::make_unique<Moco>(encoder_config(config, 3), config.moco_k, golden_steps::kSgd, seed, backend());
    }
    /// A run that has taken two steps: nothing in it has the value it started with.
    std::unique_ptr<Moco> trained() {
        std::unique_ptr<Moco> moco = make(config_, 0);
        fill_by_formula(*moco);
        SingleProcess comm;
        StepClock clock;
        for (int64_t step = 0; step < 2; ++step) {
            const Views x = {golden_steps_images(1, 2 * step, backend()),
                             golden_steps_images(1, 2 * step + 1, backend())};
            train_step(*moco, x, {0.05f, 0.9f, 0.2f, std::vector<ShuffleOrder>(2)}, comm, clock);
        }
        return moco;
    }

    RunConfig config_ = golden_run_config();
    TrainingProgress progress_ = {3, 17, 42, 0.1, 1.0 / 3, 2, 1};
    TempFolder folder_;
    std::filesystem::path file_ = folder_ / "c.safetensors";
};

TEST_P(CheckpointTest, EverythingComesBack) {
    const std::unique_ptr<Moco> moco = trained();
    save_checkpoint(file_, *moco, config_, kTrainedOn, progress_);
    const std::unique_ptr<Moco> back = make(config_, 9);
    EXPECT_EQ(load_checkpoint(file_, *back), progress_);
    save_checkpoint(folder_ / "again.safetensors", *back, config_, kTrainedOn, progress_);
    EXPECT_EQ(read_bytes(folder_ / "again.safetensors"), read_bytes(file_));
    EXPECT_EQ(back->f_q_parameters.values().to_vector(), moco->f_q_parameters.values().to_vector());
    EXPECT_EQ(back->f_k_parameters.values().to_vector(), moco->f_k_parameters.values().to_vector());
    EXPECT_EQ(back->queue.keys().to_vector(), moco->queue.keys().to_vector());
    EXPECT_EQ(back->queue.pointer(), moco->queue.pointer());

    const CheckpointInfo info = read_checkpoint_info(file_);
    EXPECT_TRUE(info.moco);
    EXPECT_EQ(info.progress, progress_);
    EXPECT_EQ(info.trained_on, kTrainedOn);
    EXPECT_EQ(info.instruction_set, backend().instruction_set());
    EXPECT_EQ(info.bytes, static_cast<int64_t>(read_bytes(file_).size()));
    int64_t parameters = 0;
    for (const NamedTensor& parameter : moco->f_q.state().parameters) parameters += parameter.tensor.count();
    EXPECT_EQ(info.parameters, parameters);
    for (const ConfigOption& option : config_options()) {
        if (option.decides != Decides::method) continue;
        EXPECT_EQ(option.get(info.config), option.get(config_)) << option.name;
    }
}

TEST_P(CheckpointTest, HasPyTorchsLayoutsAndNoTraceOfTheMachine) {
    const std::unique_ptr<Moco> moco = trained();
    RunConfig elsewhere = config_;
    elsewhere.threads = 7, elsewhere.workers = 5, elsewhere.device = "cpu", elsewhere.out = "/somewhere";
    elsewhere.data = "folder:/home/me", elsewhere.init = "x", elsewhere.max_steps = 9;
    save_checkpoint(file_, *moco, config_, kTrainedOn, progress_);
    save_checkpoint(folder_ / "elsewhere.safetensors", *moco, elsewhere, kTrainedOn, progress_);
    EXPECT_EQ(read_bytes(folder_ / "elsewhere.safetensors"), read_bytes(file_));

    const SafetensorsFile file(file_);
    EXPECT_EQ(file.at("encoder_q.conv1.weight").shape, (std::vector<int64_t>{8, 3, 3, 3}));
    EXPECT_EQ(file.at("encoder_k.layer2.0.downsample.1.running_var").shape, (std::vector<int64_t>{16}));
    EXPECT_EQ(file.at("encoder_q.bn1.num_batches_tracked").dtype, FileDType::i64);
    EXPECT_EQ(file.at("encoder_q.fc.2.weight").shape, (std::vector<int64_t>{16, 64}));
    EXPECT_EQ(file.at("optimizer.layer4.1.conv2.weight").shape, (std::vector<int64_t>{64, 64, 3, 3}));
    EXPECT_EQ(file.at("queue_ptr").shape, (std::vector<int64_t>{1}));
    EXPECT_EQ(file.read_integers(file.at("queue_ptr")), (std::vector<int64_t>{16}));
    // C x K: the features of key 5 stand in column 5.
    ASSERT_EQ(file.at("queue").shape, (std::vector<int64_t>{16, 36}));
    const std::vector<float> queue = file.read_floats(file.at("queue")), keys = moco->queue.keys().to_vector();
    for (size_t c = 0; c < 16; ++c) EXPECT_EQ(queue[c * 36 + 5], keys[5 * 16 + c]);
    // O,I,H,W.
    const std::vector<float> ours = moco->f_q.state().parameters[0].tensor.to_vector();
    const std::vector<float> theirs = file.read_floats(file.at("encoder_q.conv1.weight"));
    const auto O = 4, I = 2, H = 1, W = 0;
    EXPECT_EQ(theirs[((O * 3 + I) * 3 + H) * 3 + W], ours[((O * 3 + H) * 3 + W) * 3 + I]);
}

TEST_P(CheckpointTest, EncodersLoadForEvaluation) {
    const std::unique_ptr<Moco> moco = trained();
    save_checkpoint(file_, *moco, config_, kTrainedOn, progress_);
    const Tensor images = golden_steps_images(5, 0, backend());
    const NoGrad evaluation;
    moco->f_q.set_mode(BatchNormMode::eval);
    const std::vector<float> expected = moco->f_q.forward(images).to_vector();
    EXPECT_EQ(load_encoder(file_, {}, backend())->forward(images).to_vector(), expected);

    // The same weights as a bare file in torchvision's naming, with and without the head.
    std::vector<SafetensorsItem> items;
    append_items(items, "", moco->f_q.state());
    write_safetensors(folder_ / "bare.safetensors", {}, items);
    const auto bare = load_encoder(folder_ / "bare.safetensors", {"resnet18", {}}, backend());
    EXPECT_EQ(bare->forward(images).to_vector(), expected);
    std::erase_if(items, [](const SafetensorsItem& item) { return item.name.starts_with("fc."); });
    std::erase_if(items, [](const SafetensorsItem& item) { return item.name.ends_with("num_batches_tracked"); });
    write_safetensors(folder_ / "backbone.safetensors", {}, items);
    const auto backbone = load_encoder(folder_ / "backbone.safetensors", {"resnet18", {}}, backend());
    EXPECT_EQ(backbone->config().head, Head::none);
    EXPECT_EQ(backbone->features(images).to_vector(), moco->f_q.features(images).to_vector());
    const CheckpointInfo info = read_checkpoint_info(folder_ / "bare.safetensors");
    EXPECT_FALSE(info.moco);
    EXPECT_EQ(info.parameters, read_checkpoint_info(file_).parameters);

    expect_error([&] { load_encoder(folder_ / "bare.safetensors", {}, backend()); },
                 {"bare.safetensors does not say which network it holds: give --arch (one of resnet18"});
    expect_error(
        [&] {
            load_encoder(folder_ / "bare.safetensors", {"resnet50", {}}, backend());
        },
        {"bare.safetensors", "layer1.0"});
}

TEST_P(CheckpointTest, AWarmStartFillsBothEncoders) {
    const std::unique_ptr<Moco> moco = trained();
    save_checkpoint(file_, *moco, config_, kTrainedOn, progress_);
    std::vector<SafetensorsItem> items;
    append_items(items, "", moco->f_q.state());
    items.push_back(to_item("fc.weight", Tensor::zeros({1000, 64}, DType::f32, backend())));
    std::erase_if(items,
                  [](const SafetensorsItem& item) { return item.name.starts_with("fc.") && item.name != "fc.weight"; });
    write_safetensors(folder_ / "classifier.safetensors", {}, items);

    for (const char* source : {"c.safetensors", "classifier.safetensors"}) {
        SCOPED_TRACE(source);
        const bool ours = source[0] == 'c' && source[1] == '.';
        const std::unique_ptr<Moco> warm = make(config_, 4), cold = make(config_, 4);
        warm_start(folder_ / source, *warm);
        EXPECT_EQ(warm->f_k_parameters.values().to_vector(), warm->f_q_parameters.values().to_vector());
        EXPECT_EQ(warm->queue.keys().to_vector(), cold->queue.keys().to_vector());
        const ModuleState got = warm->f_k.state(), trained_state = moco->f_q.state(), fresh = cold->f_q.state();
        for (size_t i = 0; i < got.parameters.size(); ++i) {
            const bool head = got.parameters[i].name.starts_with("fc.");
            const NamedTensor& expected = head && !ours ? fresh.parameters[i] : trained_state.parameters[i];
            EXPECT_EQ(got.parameters[i].tensor.to_vector(), expected.tensor.to_vector()) << expected.name;
        }
        EXPECT_EQ(got.buffers[0].tensor.to_vector(), trained_state.buffers[0].tensor.to_vector());
    }
}

TEST_P(CheckpointTest, WrongFilesAreRefused) {
    const std::unique_ptr<Moco> moco = trained();
    save_checkpoint(file_, *moco, config_, kTrainedOn, progress_);
    const auto load_into = [&](const std::filesystem::path& path, auto change) {
        RunConfig other = config_;
        change(other);
        const std::unique_ptr<Moco> target = make(other, 0);
        const std::vector<float> before = target->f_q_parameters.values().to_vector();
        const std::string message = message_of([&] { load_checkpoint(path, *target); });
        EXPECT_EQ(target->f_q_parameters.values().to_vector(), before) << message;
        return message;
    };
    const auto same = [](RunConfig&) {};
    EXPECT_NE(load_into(file_, [](RunConfig& c) { c.arch = "resnet34"; }).find("c.safetensors: the file holds no "),
              std::string::npos);
    EXPECT_NE(load_into(file_, [](RunConfig& c) { c.width = 4; }).find("has shape 8x3x3x3 in the file, 4x3x3x3"),
              std::string::npos);
    EXPECT_NE(load_into(file_, [](RunConfig& c) { c.moco_k = 37; }).find("queue has shape 16x36 in the file, 16x37"),
              std::string::npos);

    const std::string bytes = read_bytes(file_);
    for (const size_t length : {size_t{0}, size_t{7}, size_t{100}, bytes.size() - 1}) {
        write_bytes(folder_ / "short.safetensors", bytes.substr(0, length));
        EXPECT_NE(load_into(folder_ / "short.safetensors", same).find("short.safetensors"), std::string::npos)
            << length;
    }
    write_safetensors(folder_ / "bare.safetensors", {}, {to_item("x", 1)});
    expect_error([&] { load_checkpoint(folder_ / "bare.safetensors", *moco); },
                 {"bare.safetensors is no checkpoint of a run"});
    write_safetensors(folder_ / "newer.safetensors", {{"format", "moco.cpp checkpoint"}, {"format_version", "2"}},
                      {to_item("x", 1)});
    expect_error([&] { load_checkpoint(folder_ / "newer.safetensors", *moco); },
                 {"newer.safetensors has checkpoint format 2, this program reads format 1"});
    write_safetensors(folder_ / "bad.safetensors",
                      {{"format", "moco.cpp checkpoint"}, {"format_version", "1"}, {"epoch", "x"}}, {to_item("x", 1)});
    expect_error([&] { load_checkpoint(folder_ / "bad.safetensors", *moco); },
                 {"bad.safetensors is damaged", "epoch = 'x'"});
    expect_error([&] { load_checkpoint(folder_ / "none.safetensors", *moco); }, {"none.safetensors"});
    expect_error([&] { save_checkpoint("/dev/null/c", *moco, config_, kTrainedOn, progress_); }, {"/dev/null/c"});
}

MOCO_FOR_EACH_BACKEND(CheckpointTest);

}  // namespace
}  // namespace moco::testing

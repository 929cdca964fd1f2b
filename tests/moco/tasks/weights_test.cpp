// Checkpoints: PyTorch's layouts, everything comes back, their networks load elsewhere, and every wrong file is refused
// in one sentence.
#include "moco/tasks/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/tasks/pretraining.h"
#include "nn/safetensors.h"
#include "nn/serialize.h"
#include "tests/moco/golden_steps.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

PretrainSettings golden_run_settings() {
    PretrainSettings s = preset<PretrainSettings>("cifar-demo");
    s.encoder.width = 8;
    s.method.mlp = true;
    s.method.moco_dim = golden_steps::kDim;
    s.method.bn_splits = golden_steps::kSplits;
    s.method.moco_k = golden_steps::kQueue;
    s.views.crop_min = 0.3;
    return s;
}

const TrainedOn kTrainedOn = {"shapes", golden_steps::kChannels, 100};
const std::vector<ValueName> kValues = {{"loss", "epoch_loss", "", "", ValueName::Unit::plain},
                                        {"contrast_accuracy", "epoch_accuracy", "", "", ValueName::Unit::percent}};

class CheckpointTest : public EachBackend {
  protected:
    std::unique_ptr<Moco> make(const PretrainSettings& settings, uint64_t seed) {
        return std::make_unique<Moco>(network_config(settings, 3), settings.method.moco_k, golden_steps::kSgd, seed,
                                      backend());
    }
    /// A run that has taken two steps: nothing in it has the value it started with.
    std::unique_ptr<Moco> trained() {
        std::unique_ptr<Moco> moco = make(settings_, 0);
        fill_by_formula(*moco);
        SingleProcess comm;
        for (int64_t step = 0; step < 2; ++step) {
            const Views x = {golden_steps_images(1, 2 * step, backend()),
                             golden_steps_images(1, 2 * step + 1, backend())};
            train_step(*moco, x, {0.05f, 0.9f, 0.2f}, comm);
        }
        return moco;
    }
    void save(const std::filesystem::path& path, Moco& moco, PretrainSettings settings) {
        const CheckpointHeader header = {
            "pretrain", method_settings(table_of(settings)), kTrainedOn, backend().instruction_set(), "", "cpu", ""};
        save_checkpoint(path, header, progress_, kValues, [&](StateVisitor& visitor) { moco.visit(visitor); });
    }
    TrainingProgress load(const std::filesystem::path& path, Moco& moco) {
        return load_checkpoint(path, kValues, [&](StateVisitor& visitor) { moco.visit(visitor); });
    }

    PretrainSettings settings_ = golden_run_settings();
    TrainingProgress progress_ = {3, 17, 42, {0.1, 1.0 / 3}, 2, 1};
    TempFolder folder_;
    std::filesystem::path file_ = folder_ / "c.safetensors";
};

TEST_P(CheckpointTest, EverythingComesBack) {
    const std::unique_ptr<Moco> moco = trained();
    save(file_, *moco, settings_);
    const std::unique_ptr<Moco> back = make(settings_, 9);
    EXPECT_EQ(load(file_, *back), progress_);
    save(folder_ / "again.safetensors", *back, settings_);
    EXPECT_EQ(read_bytes(folder_ / "again.safetensors"), read_bytes(file_));
    EXPECT_EQ(back->f_q_parameters.values().to_vector(), moco->f_q_parameters.values().to_vector());
    EXPECT_EQ(back->f_k_parameters.values().to_vector(), moco->f_k_parameters.values().to_vector());
    EXPECT_EQ(back->queue.keys().to_vector(), moco->queue.keys().to_vector());
    EXPECT_EQ(back->queue.pointer(), moco->queue.pointer());

    const CheckpointInfo info = read_checkpoint_info(file_);
    EXPECT_TRUE(info.moco);
    EXPECT_EQ(info.header.command, "pretrain");
    EXPECT_EQ(info.epoch, progress_.epoch);
    EXPECT_EQ(info.step, progress_.step);
    EXPECT_EQ(info.header.trained_on, kTrainedOn);
    EXPECT_EQ(info.header.instruction_set, backend().instruction_set());
    EXPECT_EQ(info.bytes, static_cast<int64_t>(read_bytes(file_).size()));
    int64_t parameters = 0;
    for (const NamedTensor& parameter : moco->f_q.state().parameters) parameters += parameter.tensor.count();
    EXPECT_EQ(parameters_in(SafetensorsFile(file_)), parameters);
    const SettingTable table = table_of(settings_);
    size_t settings = 0;
    for (const auto& setting : settings_of(SafetensorsFile(file_))) {
        EXPECT_EQ(table.find(setting.first)->get(), setting.second) << setting.first;
        ++settings;
    }
    EXPECT_GT(settings, 30u);
}

TEST_P(CheckpointTest, HasPyTorchsLayoutsAndNoTraceOfTheMachine) {
    const std::unique_ptr<Moco> moco = trained();
    PretrainSettings elsewhere = settings_;
    elsewhere.machine.threads = 7, elsewhere.machine.workers = 5, elsewhere.machine.device = "cpu";
    elsewhere.run.out = "/somewhere", elsewhere.run.init = "x", elsewhere.run.max_steps = 9;
    elsewhere.data.spec = "folder:/home/me";
    save(file_, *moco, settings_);
    save(folder_ / "elsewhere.safetensors", *moco, elsewhere);
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

/// A network's state as items of a bare file in torchvision's naming.
std::vector<TensorItem> bare_items(const Network& f) {
    return items_of([&](StateVisitor& visitor) { visit(visitor, "", f.state()); });
}

TEST_P(CheckpointTest, NetworksLoadForEvaluation) {
    const std::unique_ptr<Moco> moco = trained();
    save(file_, *moco, settings_);
    const Tensor images = golden_steps_images(5, 0, backend());
    const NoGrad evaluation;
    moco->f_q.set_mode(BatchNormMode::eval);
    const std::vector<float> expected = moco->f_q.forward(images).to_vector();
    EXPECT_EQ(load_network(file_, {}, backend())->forward(images).to_vector(), expected);
    const TrainedNetwork known = network_of(SafetensorsFile(file_));
    EXPECT_EQ(known.image_size, 32);
    EXPECT_EQ(known.config.dim, golden_steps::kDim);

    // The same weights as a bare file in torchvision's naming, with and without the head.
    std::vector<TensorItem> items = bare_items(moco->f_q);
    write_safetensors(folder_ / "bare.safetensors", {}, items);
    const auto bare = load_network(folder_ / "bare.safetensors", {"resnet18", {}}, backend());
    EXPECT_EQ(bare->forward(images).to_vector(), expected);
    std::erase_if(items, [](const TensorItem& item) { return item.name.starts_with("fc."); });
    std::erase_if(items, [](const TensorItem& item) { return item.name.ends_with("num_batches_tracked"); });
    write_safetensors(folder_ / "backbone.safetensors", {}, items);
    const auto backbone = load_network(folder_ / "backbone.safetensors", {"resnet18", {}}, backend());
    EXPECT_EQ(backbone->config().head, Head::none);
    EXPECT_EQ(backbone->features(images).to_vector(), moco->f_q.features(images).to_vector());
    const CheckpointInfo info = read_checkpoint_info(folder_ / "bare.safetensors");
    EXPECT_FALSE(info.moco);
    EXPECT_EQ(parameters_in(SafetensorsFile(folder_ / "bare.safetensors")), parameters_in(SafetensorsFile(file_)));

    EXPECT_EQ(load_network(folder_ / "bare.safetensors", {}, backend())->forward(images).to_vector(), expected);
    expect_error(
        [&] {
            load_network(folder_ / "bare.safetensors", {"resnet50", {}}, backend());
        },
        {"--arch resnet50", "bare.safetensors holds a resnet18"});
}

TEST_P(CheckpointTest, WeightsThatAreNotFiniteAreRefusedByFileAndTensor) {
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        const std::unique_ptr<Moco> moco = trained();
        for (const NamedTensor& named : moco->f_q.state().parameters) {
            if (named.name != "layer2.0.conv1.weight") continue;
            std::vector<float> values = named.tensor.to_vector();
            values[3] = bad;
            Tensor(named.tensor).copy_from_host(values.data());
        }
        save(file_, *moco, settings_);
        write_safetensors(folder_ / "bare.safetensors", {}, bare_items(moco->f_q));
        const std::string what = std::isnan(bad) ? "layer2.0.conv1.weight holds NaN" : "layer2.0.conv1.weight holds an";
        expect_error([&] { load_network(file_, {}, backend()); }, {"c.safetensors: encoder_q.", what});
        const std::unique_ptr<Moco> other = make(settings_, 1);
        expect_error([&] { warm_start(file_, other->f_q, WarmHead::fresh); }, {"c.safetensors: encoder_q.", what});
        expect_error([&] { load(file_, *other); }, {"c.safetensors: encoder_q.", what});
        expect_error(
            [&] {
                load_network(folder_ / "bare.safetensors", {"resnet18", {}}, backend());
            },
            {"bare.safetensors: " + what});
    }
}

TEST_P(CheckpointTest, NamesOfOtherProgramsAreUnderstood) {
    const std::unique_ptr<Moco> moco = trained();
    const Tensor images = golden_steps_images(5, 0, backend());
    const NoGrad evaluation;
    moco->f_q.set_mode(BatchNormMode::eval);
    const std::vector<float> expected = moco->f_q.forward(images).to_vector();
    const std::filesystem::path file = folder_ / "theirs.safetensors";
    write_safetensors(file, {}, items_of([&](StateVisitor& visitor) {
                          visit(visitor, "module.encoder_k.", moco->f_k.state());
                          visit(visitor, "module.encoder_q.", moco->f_q.state());
                      }));
    EXPECT_EQ(load_network(file, {}, backend())->forward(images).to_vector(), expected);
    EXPECT_EQ(described(file, {}).config.head, Head::mlp);
    EXPECT_EQ(described(file, {}).image_size, 32);
    EXPECT_EQ(foreign_report(file, {}).found.layout, "the reference code (MoCo v2)");

    // --init takes the method's head of such a file, and of no other.
    for (const bool of_method : {true, false}) {
        if (!of_method) {
            write_safetensors(file, {},
                              items_of([&](StateVisitor& visitor) { visit(visitor, "backbone.", moco->f_q.state()); }));
        }
        const std::unique_ptr<Moco> warm = make(settings_, 4), cold = make(settings_, 4);
        warm_start(file, warm->f_q, WarmHead::from_pretraining);
        const NamedTensor head = warm->f_q.state().parameters.back();
        EXPECT_EQ(head.tensor.to_vector(), (of_method ? moco : cold)->f_q.state().parameters.back().tensor.to_vector());
        EXPECT_EQ(warm->f_q.state().parameters[0].tensor.to_vector(),
                  moco->f_q.state().parameters[0].tensor.to_vector());
    }

    // A message names the key as the file has it.
    PretrainSettings narrow = settings_;
    narrow.encoder.width = 4;
    expect_error(
        [&] { warm_start(file, make(narrow, 0)->f_q, WarmHead::fresh); },
        {"theirs.safetensors: backbone.conv1.weight (here conv1.weight) has shape 8x3x3x3 in the file, 4x3x3x3"});
}

TEST_P(CheckpointTest, AFlippedBitIsNamedByFileAndTensor) {
    const std::unique_ptr<Moco> moco = trained();
    save(file_, *moco, settings_);
    std::string bytes = read_bytes(file_);
    bytes.back() ^= 1;
    write_bytes(file_, bytes);
    expect_error([&] { load(file_, *moco); }, {"c.safetensors is damaged: tensor optimizer.", "checksum"});
}

TEST_P(CheckpointTest, AWarmStartTakesTheHeadOfPretrainingOnly) {
    const std::unique_ptr<Moco> moco = trained();
    save(file_, *moco, settings_);
    std::vector<TensorItem> items = bare_items(moco->f_q);
    items.push_back(to_item({"fc.weight", Tensor::zeros({1000, 64}, DType::f32, backend())}));
    std::erase_if(items,
                  [](const TensorItem& item) { return item.name.starts_with("fc.") && item.name != "fc.weight"; });
    write_safetensors(folder_ / "classifier.safetensors", {}, items);

    for (const auto& [source, head] : {std::pair{"c.safetensors", WarmHead::from_pretraining},
                                       {"c.safetensors", WarmHead::fresh},
                                       {"classifier.safetensors", WarmHead::from_pretraining}}) {
        SCOPED_TRACE(source);
        const bool takes_head = source[1] == '.' && head == WarmHead::from_pretraining;
        const std::unique_ptr<Moco> warm = make(settings_, 4), cold = make(settings_, 4);
        warm_start(folder_ / source, warm->f_q, head);
        const ModuleState got = warm->f_q.state(), trained_state = moco->f_q.state(), fresh = cold->f_q.state();
        for (size_t i = 0; i < got.parameters.size(); ++i) {
            const bool of_head = got.parameters[i].name.starts_with("fc.");
            const NamedTensor& expected = of_head && !takes_head ? fresh.parameters[i] : trained_state.parameters[i];
            EXPECT_EQ(got.parameters[i].tensor.to_vector(), expected.tensor.to_vector()) << expected.name;
        }
        EXPECT_EQ(got.buffers[0].tensor.to_vector(), trained_state.buffers[0].tensor.to_vector());
    }
}

TEST_P(CheckpointTest, WrongFilesAreRefused) {
    const std::unique_ptr<Moco> moco = trained();
    save(file_, *moco, settings_);
    const auto load_into = [&](const std::filesystem::path& path, auto change) {
        PretrainSettings other = settings_;
        change(other);
        const std::unique_ptr<Moco> target = make(other, 0);
        const std::vector<float> before = target->f_q_parameters.values().to_vector();
        const std::string message = message_of([&] { load(path, *target); });
        EXPECT_EQ(target->f_q_parameters.values().to_vector(), before) << message;
        return message;
    };
    using ::testing::HasSubstr;
    using S = PretrainSettings;
    const auto same = [](S&) {};
    EXPECT_THAT(load_into(file_, [](S& s) { s.encoder.arch = "resnet34"; }),
                HasSubstr("c.safetensors: the file holds no "));
    EXPECT_THAT(load_into(file_, [](S& s) { s.encoder.width = 4; }),
                HasSubstr("has shape 8x3x3x3 in the file, 4x3x3x3"));
    EXPECT_THAT(load_into(file_, [](S& s) { s.method.moco_k = 37; }),
                HasSubstr("queue has shape 16x36 in the file, 16x37"));

    const std::string bytes = read_bytes(file_);
    for (const size_t length : {size_t{0}, size_t{7}, size_t{100}, bytes.size() - 1}) {
        write_bytes(folder_ / "short.safetensors", bytes.substr(0, length));
        EXPECT_THAT(load_into(folder_ / "short.safetensors", same), HasSubstr("short.safetensors")) << length;
    }
    const TensorItem x = to_item({"x", Tensor::zeros({1}, DType::f32, backend())});
    write_safetensors(folder_ / "bare.safetensors", {}, {x});
    expect_error([&] { load(folder_ / "bare.safetensors", *moco); }, {"bare.safetensors is no checkpoint of a run"});
    write_safetensors(folder_ / "newer.safetensors", {{"format", "moco.cpp checkpoint"}, {"format_version", "2"}}, {x});
    expect_error([&] { load(folder_ / "newer.safetensors", *moco); },
                 {"newer.safetensors has checkpoint format 2, this program reads format 1"});
    write_safetensors(folder_ / "bad.safetensors",
                      {{"format", "moco.cpp checkpoint"}, {"format_version", "1"}, {"epoch", "x"}}, {x});
    expect_error([&] { load(folder_ / "bad.safetensors", *moco); }, {"bad.safetensors is damaged", "epoch = 'x'"});
    expect_error([&] { load(folder_ / "none.safetensors", *moco); }, {"none.safetensors"});
    expect_error([&] { save("/dev/null/c", *moco, settings_); }, {"/dev/null/c"});
}

MOCO_FOR_EACH_BACKEND(CheckpointTest);

}  // namespace
}  // namespace moco::testing

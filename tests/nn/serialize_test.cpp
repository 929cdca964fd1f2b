// The border to PyTorch's layouts: what is written, what is refused.
#include "nn/serialize.h"
#include "nn/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nn/network.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

NetworkConfig tiny(const std::string& arch = "resnet18") {
    NetworkConfig config;
    config.arch = arch;
    config.stem = Stem::cifar;
    config.width = 4;
    config.dim = 8;
    return config;
}

void save(const std::filesystem::path& path, const std::string& prefix, const Network& net) {
    write_safetensors(path, {}, items_of([&](StateVisitor& visitor) { visit(visitor, prefix, net.state()); }));
}

void load(const SafetensorsFile& file, const std::vector<NamedTensor>& tensors) {
    load_state(file, [&](StateVisitor& visitor) { visit(visitor, "", tensors); });
}

/// All values of a network's state, end to end.
std::vector<float> values_of(const Network& net) {
    std::vector<float> all;
    const ModuleState state = net.state();
    for (const auto* tensors : {&state.parameters, &state.buffers}) {
        for (const NamedTensor& named : *tensors) {
            if (named.tensor.dtype() == DType::i64) {
                all.push_back(static_cast<float>(named.tensor.to_vector<int64_t>()[0]));
            } else {
                for (const float value : named.tensor.to_vector()) all.push_back(value);
            }
        }
    }
    return all;
}

TEST(Serialize, AConvolutionIsWrittenInPyTorchsLayout) {
    TempFolder folder;
    const Tensor weight = formula_tensor({2, 3, 4, 5}, 1, cpu());  // O,H,W,I
    write_safetensors(folder / "f", {}, {to_item({"w", weight, FileLayout::conv_weight})});
    const SafetensorsFile file(folder / "f");
    EXPECT_THAT(file.at("w").shape, ::testing::ElementsAre(2, 5, 3, 4));
    const std::vector<float> ours = weight.to_vector(), theirs = file.read_floats(file.at("w"));
    for (size_t o = 0; o < 2; ++o) {
        for (size_t i = 0; i < 5; ++i) {
            for (size_t h = 0; h < 3; ++h) {
                for (size_t w = 0; w < 4; ++w) {
                    EXPECT_EQ(theirs[((o * 5 + i) * 3 + h) * 4 + w], ours[((o * 3 + h) * 4 + w) * 5 + i]);
                }
            }
        }
    }
    Tensor back = Tensor::zeros(weight.shape(), DType::f32, cpu());
    load(file, {{"w", back, FileLayout::conv_weight}});
    EXPECT_EQ(back.to_vector(), ours);
}

/// A queue and its pointer, as a checkpoint holds them.
VisitState queue_of(const Tensor& keys, int64_t& pointer) {
    return [=, &pointer](StateVisitor& visitor) {
        visitor.tensor({"queue", keys, FileLayout::transposed});
        visitor.integer("queue_ptr", pointer, keys.dim(0));
    };
}

TEST(Serialize, AMatrixMayBeWrittenTransposedAndANumberBeside) {
    TempFolder folder;
    const Tensor queue = formula_tensor({5, 3}, 1, cpu());  // K x C
    int64_t pointer = 4;
    write_safetensors(folder / "f", {}, items_of(queue_of(queue, pointer)));
    const SafetensorsFile file(folder / "f");
    EXPECT_THAT(file.at("queue").shape, ::testing::ElementsAre(3, 5));
    EXPECT_THAT(file.at("queue_ptr").shape, ::testing::ElementsAre(1));
    EXPECT_EQ(file.read_floats(file.at("queue"))[1], queue.to_vector()[3]) << "column 0 of key 1";
    const Tensor back = Tensor::zeros({5, 3}, DType::f32, cpu());
    pointer = 0;
    load_state(file, queue_of(back, pointer));
    EXPECT_EQ(back.to_vector(), queue.to_vector());
    EXPECT_EQ(pointer, 4);
    expect_error(
        [&] {
            load_state(file, queue_of(Tensor::zeros({3, 5}, DType::f32, cpu()), pointer));
        },
        {"queue", "3x5", "5x3"});
    const auto number = [&](const char* name, int64_t end) {
        return [&pointer, name, end](StateVisitor& visitor) { visitor.integer(name, pointer, end); };
    };
    expect_error([&] { load_state(file, number("queue", 5)); }, {"queue", "3x5", "one number"});
    expect_error([&] { load_state(file, number("queue_ptr", 4)); }, {"queue_ptr is 4, expected 0 to 3"});
}

TEST(Serialize, ALayoutThatDoesNotFitATensorIsRefused) {
    expect_error(
        [] {
            to_item({"w", Tensor::zeros({2, 3}, DType::f32, cpu()), FileLayout::conv_weight}).elements();
        },
        {"w", "2x3", "4 dimensions"});
}

TEST(Serialize, ANetworkComesBackBitForBit) {
    TempFolder folder;
    Network net(tiny(), 1, cpu()), other(tiny(), 2, cpu());
    net.forward(formula_tensor({4, 8, 8, 3}, 1, cpu()));
    save(folder / "f", "encoder_q.", net);
    load_state(SafetensorsFile(folder / "f"), other.state(), {.prefix = "encoder_q."});
    EXPECT_EQ(values_of(other), values_of(net));
    const Tensor x = formula_tensor({4, 8, 8, 3}, 2, cpu());
    EXPECT_EQ(other.forward(x).to_vector(), net.forward(x).to_vector());
}

TEST(Serialize, ForeignNumbersAreConverted) {
    TempFolder folder;
    const std::vector<std::byte> one_half = {std::byte{0x00}, std::byte{0x38}};  // 0.5 in f16
    const std::vector<std::byte> seven = {std::byte{7}, std::byte{0}, std::byte{0}, std::byte{0}};
    write_safetensors(
        folder / "f", {},
        {{"w", FileDType::f16, {1}, [=] { return one_half; }}, {"n", FileDType::i32, {}, [=] { return seven; }}});
    Tensor w = Tensor::zeros({1}, DType::f32, cpu()), n = Tensor::zeros({}, DType::i64, cpu());
    load(SafetensorsFile(folder / "f"), {{"w", w}, {"n", n}});
    EXPECT_EQ(w.item(), 0.5f);
    EXPECT_EQ(n.to_vector<int64_t>()[0], 7);
    expect_error([&] { load(SafetensorsFile(folder / "f"), {{"w", n}, {"n", n}}); }, {"w", "scalar", "1"});
}

TEST(Serialize, AnotherNetworksFileIsRefusedAndChangesNothing) {
    TempFolder folder;
    NetworkConfig wide = tiny();
    wide.width = 8;
    NetworkConfig mlp = tiny();
    mlp.head = Head::mlp;
    save(folder / "net", "", Network(tiny(), 1, cpu()));
    const SafetensorsFile file(folder / "net");
    const std::string path = (folder / "net").string();
    const auto refuses = [&](const NetworkConfig& config, std::initializer_list<std::string> parts) {
        const Network net(config, 2, cpu());
        const std::vector<float> before = values_of(net);
        expect_error([&] { load_state(file, net.state()); }, parts);
        EXPECT_EQ(values_of(net), before);
    };
    refuses(wide, {path, "conv1.weight", "4x3x3x3", "8x3x3x3"});
    refuses(mlp, {path, "fc.0.weight", "32x32"});
    refuses(tiny("resnet34"), {path, "no layer1.2.conv1.weight"});
    save(folder / "net", "", Network(tiny("resnet34"), 1, cpu()));
    expect_error([&] { load_state(SafetensorsFile(folder / "net"), Network(tiny(), 1, cpu()).state()); },
                 {path, "holds layer", "does not have"});
    expect_error([&] { load_state(file, Network(tiny(), 1, cpu()).state(), {.prefix = "encoder_q."}); },
                 {path, "no encoder_q.conv1.weight"});
}

TEST(Serialize, AWholeNumberIsNoWeight) {
    TempFolder folder;
    const Tensor whole = Tensor::zeros({1}, DType::i64, cpu());
    write_safetensors(folder / "f", {}, {to_item({"w", whole})});
    expect_error(
        [&] {
            load(SafetensorsFile(folder / "f"), {{"w", Tensor::zeros({1}, DType::f32, cpu())}});
        },
        {"w", "I64", "F32"});
}

TEST(Serialize, ForeignFilesMayHaveAClassifierAndLackCounts) {
    TempFolder folder;
    NetworkConfig classifier = tiny(), backbone = tiny();
    classifier.dim = 10;
    backbone.head = Head::none;
    const Network foreign(classifier, 1, cpu());
    std::vector<TensorItem> items;
    for (const NamedTensor& named : foreign.state().parameters) items.push_back(to_item(named));
    for (const NamedTensor& named : foreign.state().buffers) {
        if (!named.name.ends_with("num_batches_tracked")) items.push_back(to_item(named));
    }
    write_safetensors(folder / "f", {}, items);
    const SafetensorsFile file(folder / "f");

    Network net(backbone, 2, cpu());
    expect_error([&] { load_state(file, net.state()); }, {"no bn1.num_batches_tracked"});
    expect_error([&] { load_state(file, net.state(), {.optional = {"num_batches_tracked"}}); }, {"holds fc."});
    load_state(file, net.state(), {.ignored = {"fc."}, .optional = {"num_batches_tracked"}});
    EXPECT_EQ(net.state().parameters[9].tensor.to_vector(), foreign.state().parameters[9].tensor.to_vector());
    Network again(backbone, 3, cpu());
    load_state(file, again.state(), {.unexpected = UnexpectedKeys::ignore, .optional = {"num_batches_tracked"}});
    EXPECT_EQ(values_of(again), values_of(net));
}

TEST(Serialize, AnItemWritesTheValuesOfTheMoment) {
    TempFolder folder;
    Tensor w = Tensor::zeros({2}, DType::f32, cpu());
    const std::vector<TensorItem> items = {to_item({"w", w})};
    w.copy_from(Tensor::full({2}, 3.0f, cpu()));
    write_safetensors(folder / "f", {}, items);
    const SafetensorsFile file(folder / "f");
    EXPECT_THAT(file.read_floats(file.at("w")), ::testing::Each(3.0f));
}

}  // namespace
}  // namespace moco::testing

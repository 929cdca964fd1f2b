// ONNX graphs: what a reader of the format finds in them. tests/apps/weights_travel.py lets onnxruntime run them.
#include <gtest/gtest.h>

#include "moco/interchange/onnx_graph.h"
#include "moco/interchange/write_onnx.h"
#include "nn/safetensors.h"
#include "nn/serialize.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

TEST(Protobuf, FieldsAreEncodedAsTheFormatSays) {
    using namespace std::string_literals;
    ProtobufMessage inner, message;
    inner.number(1, 150);
    message.number(1, 150);
    message.bytes(2, "testing");
    message.message(3, inner);
    message.real(4, 1.0f);
    EXPECT_EQ(message.text(), "\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x25\x00\x00\x80\x3f"s);
    ProtobufMessage negative;
    negative.number(1, -1);
    EXPECT_EQ(negative.text(), "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
}

size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
}

TEST(Onnx, NodesFollowFromTheNetworkAndTheOptions) {
    const TempFolder folder;
    NetworkConfig config;
    config.arch = "resnet50";
    config.width = 2;
    config.head = Head::mlp;
    config.dim = 5;
    Network network(config, 1, cpu());
    write_safetensors(folder / "n.safetensors", {},
                      items_of([&](StateVisitor& visitor) { visit(visitor, "", network.state()); }));
    const auto file = std::make_shared<const SafetensorsFile>(folder / "n.safetensors");
    const auto written = [&](const OnnxOptions& options) {
        write_onnx(folder / "n.onnx", file, config, options);
        return read_bytes(folder / "n.onnx");
    };
    const std::string kept = written({}), folded = written({.batch_norm = BatchNormNodes::folded});
    const std::string op = "\x22",
                      conv = op +
                             "\x04"
                             "Conv",
                      bn = op +
                           "\x12"
                           "BatchNormalization",
                      gemm = op +
                             "\x04"
                             "Gemm";
    EXPECT_EQ(count(kept, conv), 53u);
    EXPECT_EQ(count(kept, bn), 53u);
    EXPECT_EQ(count(kept, gemm), 0u);
    EXPECT_EQ(count(folded, conv), 53u);
    EXPECT_EQ(count(folded, bn), 0u);
    EXPECT_EQ(count(written({.output = OnnxOutput::projection}), gemm), 2u);
    EXPECT_EQ(count(written({.output = OnnxOutput::map}), "GlobalAveragePool"), 0u);
    const std::string normalised = written({.normalization = input_normalization("imagenet", 3)});
    EXPECT_EQ(count(normalised, op + "\x03"
                                     "Sub") +
                  count(normalised, op + "\x03"
                                         "Div"),
              2u);
    EXPECT_EQ(written({}), kept) << "equal contents, equal bytes";

    config.head = Head::none;
    expect_error([&] { write_onnx(folder / "x.onnx", file, config, {.output = OnnxOutput::projection}); },
                 {"--output projection", "n.safetensors has no head"});
    config.width = 4;
    expect_error([&] { write_onnx(folder / "x.onnx", file, config, {}); }, {"conv1.weight", "2x3x7x7", "4x3x7x7"});
}

TEST(Onnx, OptionsAreReadFromFlags) {
    EXPECT_EQ(onnx_output("map"), OnnxOutput::map);
    expect_error([&] { onnx_output("logits"); }, {"--output logits", "projection"});
    EXPECT_EQ(input_normalization("0.5,0.25:1,2", 2).deviation, (std::vector<float>{1, 2}));
    expect_error([&] { input_normalization("imagenet", 1); }, {"--normalize imagenet", "1 channels"});
    expect_error([&] { input_normalization("grey", 1); }, {"--normalize grey"});
    expect_error([&] { input_normalization("0.5:0", 1); }, {"not positive"});
}

}  // namespace
}  // namespace moco::testing

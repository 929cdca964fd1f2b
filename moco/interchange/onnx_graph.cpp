// The messages' fields have the numbers of onnx.proto.
#include "moco/interchange/onnx_graph.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "nn/atomic_file.h"
#include "nn/tensor_file.h"

namespace moco {
namespace {

constexpr int64_t kIrVersion = 7, kOpset = 13, kFloat = 1;
constexpr uint64_t kLargest = uint64_t{1} << 31;

namespace model {
constexpr int ir_version = 1, producer = 2, graph = 7, opset = 8;
}
namespace graph {
constexpr int node = 1, name = 2, initializer = 5, input = 11, output = 12;
}

ProtobufMessage attribute_message(const OnnxAttribute& attribute) {
    constexpr int kName = 1, kF = 2, kI = 3, kInts = 8, kType = 20, kFloatType = 1, kIntType = 2, kIntsType = 7;
    ProtobufMessage message;
    message.bytes(kName, attribute.name);
    switch (attribute.kind) {
        case OnnxAttribute::Kind::number:
            message.number(kI, attribute.i);
            message.number(kType, kIntType);
            break;
        case OnnxAttribute::Kind::real:
            message.real(kF, attribute.f);
            message.number(kType, kFloatType);
            break;
        case OnnxAttribute::Kind::numbers:
            for (const int64_t number : attribute.ints) message.number(kInts, number);
            message.number(kType, kIntsType);
            break;
    }
    return message;
}

ProtobufMessage value_message(const std::string& name, const OnnxGraph::Extents& extents) {
    ProtobufMessage shape, tensor, type, value;
    for (const std::string& extent : extents) {
        const bool number = std::all_of(extent.begin(), extent.end(), [](unsigned char c) { return std::isdigit(c); });
        ProtobufMessage dimension;
        number ? dimension.number(1, std::stoll(extent)) : dimension.bytes(2, extent);
        shape.message(1, dimension);
    }
    tensor.number(1, kFloat);
    tensor.message(2, shape);
    type.message(1, tensor);
    value.bytes(1, name);
    value.message(2, type);
    return value;
}

/// All of a TensorProto but its elements, which come last.
ProtobufMessage weight_head(const std::string& name, const std::vector<int64_t>& shape) {
    constexpr int kDims = 1, kType = 2, kName = 8, kRawData = 9;
    ProtobufMessage message;
    for (const int64_t extent : shape) message.number(kDims, extent);
    message.number(kType, kFloat);
    message.bytes(kName, name);
    message.begin(kRawData, static_cast<uint64_t>(bytes_of(FileDType::f32, shape)));
    return message;
}

}  // namespace

void OnnxGraph::weight(const std::string& name, std::vector<int64_t> shape,
                       std::function<std::vector<float>()> elements) {
    weights_.push_back({name, std::move(shape), std::move(elements)});
}

std::string OnnxGraph::node(const std::string& op, const std::string& name, const std::vector<std::string>& inputs,
                            const std::vector<OnnxAttribute>& attributes) {
    constexpr int kInput = 1, kOutput = 2, kName = 3, kOp = 4, kAttribute = 5;
    ProtobufMessage message;
    for (const std::string& input : inputs) message.bytes(kInput, input);
    message.bytes(kOutput, name);
    message.bytes(kName, name);
    message.bytes(kOp, op);
    for (const OnnxAttribute& attribute : attributes) message.message(kAttribute, attribute_message(attribute));
    nodes_.message(graph::node, message);
    return name;
}

void OnnxGraph::input(const std::string& name, const Extents& shape) {
    ends_.message(graph::input, value_message(name, shape));
}

void OnnxGraph::output(const std::string& name, const Extents& shape) {
    ends_.message(graph::output, value_message(name, shape));
}

void OnnxGraph::write(const std::filesystem::path& path) const {
    std::vector<std::string> heads;  // of the initializers: field and message up to the elements
    uint64_t size = nodes_.text().size() + ends_.text().size();
    for (const Weight& weight : weights_) {
        const std::string inner = weight_head(weight.name, weight.shape).text();
        const auto elements = static_cast<uint64_t>(bytes_of(FileDType::f32, weight.shape));
        ProtobufMessage outer;
        outer.begin(graph::initializer, inner.size() + elements);
        heads.push_back(outer.text() + inner);
        size += heads.back().size() + elements;
    }
    ProtobufMessage name, head, opset, tail;
    name.bytes(graph::name, "moco");
    size += name.text().size();
    check(size < kLargest, "{} would be larger than 2 GiB, which an ONNX file cannot be", path.string());
    head.number(model::ir_version, kIrVersion);
    head.bytes(model::producer, "moco.cpp");
    head.begin(model::graph, size);
    opset.bytes(1, "");
    opset.number(2, kOpset);
    tail.message(model::opset, opset);

    AtomicFile file(path);
    file.write(head.text() + nodes_.text() + name.text());
    for (size_t i = 0; i < weights_.size(); ++i) {
        const std::vector<float> elements = weights_[i].elements();
        file.write(heads[i]);
        file.write(elements.data(), elements.size() * sizeof(float));
    }
    file.write(ends_.text() + tail.text());
    file.commit();
}

}  // namespace moco

// ONNX graphs, written (opset 13): nodes in order, weights one at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "moco/interchange/protobuf.h"

namespace moco {

/// A number, or numbers, that a node is given.
struct OnnxAttribute {
    OnnxAttribute(std::string attribute, int64_t number) : name(std::move(attribute)), i(number) {}
    OnnxAttribute(std::string attribute, float number) : name(std::move(attribute)), f(number), kind(Kind::real) {}
    OnnxAttribute(std::string attribute, std::vector<int64_t> numbers)
        : name(std::move(attribute)), ints(std::move(numbers)), kind(Kind::numbers) {}

    enum class Kind { number, real, numbers };
    std::string name;
    int64_t i = 0;
    float f = 0;
    std::vector<int64_t> ints;
    Kind kind = Kind::number;
};

/// Values are named; what an extent is called may be a number or, where it is free, a letter.
class OnnxGraph {
  public:
    using Extents = std::vector<std::string>;

    /// f32. `elements` is called once, when the file is written.
    void weight(const std::string& name, std::vector<int64_t> shape, std::function<std::vector<float>()> elements);
    /// Returns the value's name, which is `name`.
    std::string node(const std::string& op, const std::string& name, const std::vector<std::string>& inputs,
                     const std::vector<OnnxAttribute>& attributes = {});
    void input(const std::string& name, const Extents& shape);
    void output(const std::string& name, const Extents& shape);

    /// Atomically. Throws Error naming the file, also where it would be larger than a protocol buffer may be (2 GiB).
    void write(const std::filesystem::path& path) const;

  private:
    struct Weight {
        std::string name;
        std::vector<int64_t> shape;
        std::function<std::vector<float>()> elements;
    };
    ProtobufMessage nodes_, ends_;
    std::vector<Weight> weights_;
};

}  // namespace moco

// What is written as a pickle: values as Python has them, and tensors.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "nn/tensor_file.h"

namespace moco {

struct PythonValue;

/// In the order given.
struct PythonDict {
    std::vector<std::pair<PythonValue, PythonValue>> items;
    bool ordered = false;  // an OrderedDict, as state_dicts are
};

struct PythonList {
    std::vector<PythonValue> items;
};

/// None is std::monostate.
struct PythonValue {
    std::variant<std::monostate, bool, int64_t, double, std::string, TensorItem, PythonDict, PythonList> value;
};

inline PythonValue py(const char* text) {
    return {std::string(text)};
}
inline PythonValue py(std::string text) {
    return {std::move(text)};
}
inline PythonValue py(int64_t number) {
    return {number};
}
inline PythonValue py(double number) {
    return {number};
}
inline PythonValue py(bool truth) {
    return {truth};
}
inline PythonValue py(PythonDict dict) {
    return {std::move(dict)};
}
inline PythonValue py(PythonList list) {
    return {std::move(list)};
}

/// An OrderedDict of tensors by their names.
PythonDict state_dict_of(const std::vector<TensorItem>& items);

}  // namespace moco

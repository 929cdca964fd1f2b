// What an unpickled file holds: values in one flat list that name each other by number, so that no file, however deep,
// nested in itself or repetitive, makes anything recurse.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "nn/tensor_file.h"

namespace moco {

using PickleId = uint32_t;

enum class PickleKind : uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    bytes,  // also whole numbers of more than 8 bytes
    tuple,
    list,
    dict,  // items: key, value, key, value, ...
    set,
    global,   // a name of Python's, on the list (pickle_globals.h)
    storage,  // PyTorch's: number = its place in storages
    tensor,   // PyTorch's: number = its place in tensors
    dtype,    // NumPy's: text = "f4"
    array,    // NumPy's: number = its place in arrays
    opaque,   // an object of which only its existence is known: settings, paths, dates
};

struct PickleValue {
    PickleKind kind = PickleKind::none;
    int64_t number = 0;
    double real = 0;
    std::string_view text;  // of text, bytes, global ("module name"), dtype; points into the file or into `texts`
    std::vector<PickleId> items;
};

/// Elements of one type that tensors look into.
struct PickleStorage {
    FileDType dtype = FileDType::f32;
    std::string_view key;  // which bytes of the file
    int64_t first = 0;     // where it begins in them, in elements
    int64_t count = 0;
};

/// A view of a storage.
struct PickleTensor {
    PickleId storage = 0;  // into storages
    int64_t offset = 0;    // in elements
    std::vector<int64_t> shape, strides;
};

struct PickleArray {
    std::string_view dtype;  // "f4"; empty: never filled
    std::vector<int64_t> shape;
    bool column_major = false;
    std::string_view bytes;
};

struct PickleGraph {
    std::vector<PickleValue> values;
    std::vector<PickleStorage> storages;
    std::vector<PickleTensor> tensors;
    std::vector<PickleArray> arrays;
    std::deque<std::string> texts;  // that do not stand in the file as they are
    PickleId root = 0;

    const PickleValue& operator[](PickleId id) const { return values[id]; }
    /// A dictionary's value under a text, null if there is none or `dict` is no dictionary.
    const PickleValue* find(const PickleValue& dict, std::string_view key) const;
};

}  // namespace moco

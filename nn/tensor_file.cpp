#include "nn/tensor_file.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/bf16.h"
#include "core/error.h"
#include "nn/half.h"

namespace moco {
namespace {

struct DTypeRow {
    FileDType dtype;
    std::string_view name;
    size_t bytes;
};

constexpr DTypeRow kDTypes[] = {
    {FileDType::f64, "F64", 8},      {FileDType::f32, "F32", 4}, {FileDType::f16, "F16", 2},
    {FileDType::bf16, "BF16", 2},    {FileDType::i64, "I64", 8}, {FileDType::i32, "I32", 4},
    {FileDType::i16, "I16", 2},      {FileDType::i8, "I8", 1},   {FileDType::u8, "U8", 1},
    {FileDType::boolean, "BOOL", 1},
};

const DTypeRow& row_of(FileDType dtype) {
    return *std::find_if(std::begin(kDTypes), std::end(kDTypes), [=](const DTypeRow& r) { return r.dtype == dtype; });
}

/// Elements of type T, each converted.
template <typename T, typename Result, typename Convert>
std::vector<Result> converted(const TensorFile& file, const TensorEntry& entry, Convert convert) {
    std::vector<T> raw(static_cast<size_t>(entry.count()));
    file.read(entry, raw.data());
    std::vector<Result> values(raw.size());
    for (size_t i = 0; i < raw.size(); ++i) values[i] = convert(raw[i]);
    return values;
}

}  // namespace

std::string_view name_of(FileDType dtype) {
    return row_of(dtype).name;
}

size_t size_of(FileDType dtype) {
    return row_of(dtype).bytes;
}

bool is_floating(FileDType dtype) {
    return dtype == FileDType::f64 || dtype == FileDType::f32 || dtype == FileDType::f16 || dtype == FileDType::bf16;
}

int64_t bytes_of(FileDType dtype, const std::vector<int64_t>& shape) {
    constexpr int64_t kMost = int64_t{1} << 62;
    auto bytes = static_cast<int64_t>(size_of(dtype));
    for (const int64_t extent : shape) {
        if (extent < 0 || (extent != 0 && bytes > kMost / extent)) return -1;
        bytes *= extent;
    }
    return bytes;
}

std::string shape_text(const std::vector<int64_t>& shape) {
    return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

int64_t TensorEntry::count() const {
    return static_cast<int64_t>(bytes / size_of(dtype));
}

const TensorEntry* TensorFile::find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second];
}

const TensorEntry& TensorFile::at(const std::string& name) const {
    const TensorEntry* entry = find(name);
    check(entry != nullptr, "{} holds no tensor {}", path_.string(), name);
    return *entry;
}

void TensorFile::set_entries(std::vector<TensorEntry> entries) {
    entries_ = std::move(entries);
    index_.clear();
    for (size_t i = 0; i < entries_.size(); ++i) {
        check(index_.emplace(entries_[i].name, i).second, "{} holds two tensors of the name {}", path_.string(),
              entries_[i].name);
    }
}

std::vector<float> TensorFile::read_floats(const TensorEntry& entry) const {
    switch (entry.dtype) {
        case FileDType::f32: {
            std::vector<float> values(static_cast<size_t>(entry.count()));
            read(entry, values.data());
            return values;
        }
        case FileDType::f64:
            return converted<double, float>(*this, entry, [](double value) { return static_cast<float>(value); });
        case FileDType::f16:
            return converted<uint16_t, float>(*this, entry, half_to_float);
        case FileDType::bf16:
            return converted<uint16_t, float>(*this, entry, bf16_to_float);
        default:
            fail("{}: tensor {} is {}, expected floating point", path_.string(), called(entry), name_of(entry.dtype));
    }
}

std::vector<int64_t> TensorFile::read_integers(const TensorEntry& entry) const {
    const auto widen = [](auto value) { return static_cast<int64_t>(value); };
    switch (entry.dtype) {
        case FileDType::i64:
            return converted<int64_t, int64_t>(*this, entry, widen);
        case FileDType::i32:
            return converted<int32_t, int64_t>(*this, entry, widen);
        case FileDType::i16:
            return converted<int16_t, int64_t>(*this, entry, widen);
        case FileDType::i8:
            return converted<int8_t, int64_t>(*this, entry, widen);
        case FileDType::u8:
        case FileDType::boolean:
            return converted<uint8_t, int64_t>(*this, entry, widen);
        default:
            fail("{}: tensor {} is {}, expected whole numbers", path_.string(), called(entry), name_of(entry.dtype));
    }
}

}  // namespace moco

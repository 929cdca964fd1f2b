#include "nn/serialize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace moco {
namespace {

/// Elements reordered from A,B,C to A,C,B.
template <typename T>
std::vector<std::byte> swap_last_two(const std::vector<std::byte>& in, int64_t A, int64_t B, int64_t C) {
    std::vector<std::byte> out(in.size());
    const std::byte* from = in.data();
    for (int64_t a = 0; a < A; ++a) {
        for (int64_t b = 0; b < B; ++b) {
            std::byte* to = out.data() + static_cast<size_t>(a * C * B + b) * sizeof(T);
            for (int64_t c = 0; c < C; ++c, from += sizeof(T), to += static_cast<size_t>(B) * sizeof(T)) {
                std::memcpy(to, from, sizeof(T));
            }
        }
    }
    return out;
}

std::vector<std::byte> swap_last_two(const std::vector<std::byte>& in, int64_t A, int64_t B, int64_t C, DType dtype) {
    switch (size_of(dtype)) {
        case 1:
            return swap_last_two<uint8_t>(in, A, B, C);
        case 2:
            return swap_last_two<uint16_t>(in, A, B, C);
        case 4:
            return swap_last_two<uint32_t>(in, A, B, C);
        default:
            return swap_last_two<uint64_t>(in, A, B, C);
    }
}

std::vector<std::byte> bytes_of(const Tensor& tensor) {
    std::vector<std::byte> bytes(tensor.bytes());
    tensor.copy_to_host(bytes.data());
    return bytes;
}

/// A layout as a swap of the last two of three extents: A,B,C here, A,C,B in the file.
struct Swap {
    int64_t A, B, C;
};

/// Nothing for FileLayout::as_is.
std::optional<Swap> swap_of(const NamedTensor& named) {
    const Shape& s = named.tensor.shape();
    if (named.layout == FileLayout::as_is) return std::nullopt;
    const int rank = named.layout == FileLayout::conv_weight ? 4 : 2;
    check(s.rank() == rank, "serialize: {} has shape {}, its layout in files is for {} dimensions", named.name, s,
          rank);
    return rank == 4 ? Swap{s[0], s[1] * s[2], s[3]} : Swap{1, s[0], s[1]};
}

/// The tensor's elements in the file's order.
std::vector<std::byte> file_bytes_of(const NamedTensor& named) {
    std::vector<std::byte> bytes = bytes_of(named.tensor);
    const std::optional<Swap> swap = swap_of(named);
    return swap ? swap_last_two(bytes, swap->A, swap->B, swap->C, named.tensor.dtype()) : bytes;
}

/// The shape the tensor has in a file.
std::vector<int64_t> file_shape_of(const NamedTensor& named) {
    const auto extents = named.tensor.shape().extents();
    if (named.layout == FileLayout::conv_weight) return {extents[0], extents[3], extents[1], extents[2]};
    if (named.layout == FileLayout::transposed) return {extents[1], extents[0]};
    return {extents.begin(), extents.end()};
}

FileDType file_dtype_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return FileDType::f32;
        case DType::bf16:
            return FileDType::bf16;
        case DType::u8:
            return FileDType::u8;
        case DType::i64:
            return FileDType::i64;
    }
    fail("serialize: a tensor of type {} has no place in a file", dtype);
}

template <typename T>
std::vector<std::byte> as_bytes(const std::vector<T>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

/// `floats`: a tensor's elements as f32.
void check_finite(const TensorFile& file, const TensorEntry& entry, const std::vector<float>& floats) {
    const auto bad = std::find_if(floats.begin(), floats.end(), [](float value) { return !std::isfinite(value); });
    if (bad == floats.end()) return;
    fail("{}: {} holds {} (element {} of {}): the training that wrote it had diverged, or the file is damaged",
         file.path().string(), file.called(entry), std::isnan(*bad) ? "NaN" : "an infinity", bad - floats.begin(),
         floats.size());
}

/// An entry's elements converted to the tensor's type, in the file's order. f32 and i64 tensors take any floating-point
/// or whole-number type; the others only their own. Throws Error where f32 has NaN or infinities.
std::vector<std::byte> read_as(const TensorFile& file, const TensorEntry& entry, DType dtype) {
    if (dtype == DType::f32) {
        const std::vector<float> floats = file.read_floats(entry);
        check_finite(file, entry, floats);
        return as_bytes(floats);
    }
    if (dtype == DType::i64) return as_bytes(file.read_integers(entry));
    check(entry.dtype == file_dtype_of(dtype), "{}: tensor {} is {}, expected {}", file.path().string(),
          file.called(entry), name_of(entry.dtype), name_of(file_dtype_of(dtype)));
    std::vector<std::byte> bytes(entry.bytes);
    file.read(entry, bytes.data());
    return bytes;
}

bool ends_with_any(const std::string& name, const std::vector<std::string>& ends) {
    return std::any_of(ends.begin(), ends.end(), [&](const std::string& end) { return name.ends_with(end); });
}

bool starts_with_any(std::string_view name, const std::vector<std::string>& starts) {
    return std::any_of(starts.begin(), starts.end(), [&](const std::string& start) { return name.starts_with(start); });
}

void check_entry(const TensorFile& file, const TensorEntry& entry, const NamedTensor& named) {
    const std::vector<int64_t> expected = file_shape_of(named);
    check(entry.shape == expected, "{}: {} has shape {} in the file, {} was expected; it belongs to another network",
          file.path().string(), file.called(entry), shape_text(entry.shape), shape_text(expected));
    const bool floats = is_floating(entry.dtype);
    const DType dtype = named.tensor.dtype();
    check(floats == (dtype == DType::f32 || dtype == DType::bf16), "{}: {} has type {} in the file, {} was expected",
          file.path().string(), file.called(entry), name_of(entry.dtype), name_of(file_dtype_of(dtype)));
}

class Collector final : public StateVisitor {
  public:
    void tensor(const NamedTensor& named) override { items.push_back(to_item(named)); }
    void integer(const std::string& name, int64_t& value, int64_t) override {
        items.push_back({name, FileDType::i64, {1}, [value] { return as_bytes(std::vector<int64_t>{value}); }});
    }
    std::vector<TensorItem> items;
};

/// Holds a file against a state.
class Checker final : public StateVisitor {
  public:
    Checker(const TensorFile& file, const LoadOptions& options) : file_(file), options_(options) {}

    void tensor(const NamedTensor& named) override {
        wanted_.insert(named.name);
        const TensorEntry* entry = file_.find(named.name);
        if (entry == nullptr && ends_with_any(named.name, options_.optional)) return;
        check(entry != nullptr, "{}: the file holds no {} (shape {} was expected); it belongs to another network",
              file_.path().string(), named.name, shape_text(file_shape_of(named)));
        check_entry(file_, *entry, named);
    }
    void integer(const std::string& name, int64_t&, int64_t end) override {
        wanted_.insert(name);
        const TensorEntry& entry = file_.at(name);
        check(entry.count() == 1, "{}: {} has shape {}, expected one number", file_.path().string(), name,
              shape_text(entry.shape));
        const int64_t value = file_.read_integers(entry)[0];
        check(value >= 0 && value < end, "{}: {} is {}, expected 0 to {}", file_.path().string(), name, value, end - 1);
    }
    void check_unexpected() const {
        if (options_.unexpected == UnexpectedKeys::ignore) return;
        for (const TensorEntry& entry : file_.entries()) {
            if (!entry.name.starts_with(options_.prefix) || wanted_.count(entry.name) > 0) continue;
            if (starts_with_any(std::string_view(entry.name).substr(options_.prefix.size()), options_.ignored))
                continue;
            fail("{}: the file holds {} (shape {}), which the network does not have; it belongs to another network",
                 file_.path().string(), file_.called(entry), shape_text(entry.shape));
        }
    }

  private:
    const TensorFile& file_;
    const LoadOptions& options_;
    std::unordered_set<std::string> wanted_;
};

/// Reads what a Checker has found right.
class Reader final : public StateVisitor {
  public:
    explicit Reader(const TensorFile& file) : file_(file) {}

    void tensor(const NamedTensor& named) override {
        const TensorEntry* entry = file_.find(named.name);
        if (entry == nullptr) return;  // an optional one
        Tensor target = named.tensor;
        std::vector<std::byte> bytes = read_as(file_, *entry, target.dtype());
        if (const std::optional<Swap> swap = swap_of(named)) {
            bytes = swap_last_two(bytes, swap->A, swap->C, swap->B, target.dtype());
        }
        target.copy_from_host(bytes.data());
    }
    void integer(const std::string& name, int64_t& value, int64_t) override {
        value = file_.read_integers(file_.at(name))[0];
    }

  private:
    const TensorFile& file_;
};

}  // namespace

TensorItem to_item(const NamedTensor& named) {
    return {named.name, file_dtype_of(named.tensor.dtype()), file_shape_of(named),
            [named] { return file_bytes_of(named); }};
}

std::vector<TensorItem> items_of(const VisitState& visit) {
    Collector collector;
    visit(collector);
    return std::move(collector.items);
}

void load_state(const TensorFile& file, const VisitState& visit, const LoadOptions& options) {
    Checker checker(file, options);
    visit(checker);
    checker.check_unexpected();
    Reader reader(file);
    visit(reader);
}

void load_state(const TensorFile& file, const ModuleState& state, const LoadOptions& options) {
    load_state(
        file, [&](StateVisitor& visitor) { visit(visitor, options.prefix, state); }, options);
}

}  // namespace moco

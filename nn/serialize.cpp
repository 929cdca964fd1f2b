#include "nn/serialize.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

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

/// The tensor's elements in PyTorch's order: O,H,W,I (A = O, B = H * W, C = I) becomes O,I,H,W.
std::vector<std::byte> file_bytes_of(const Tensor& tensor) {
    std::vector<std::byte> bytes = bytes_of(tensor);
    if (tensor.shape().rank() != 4) return bytes;
    const Shape& s = tensor.shape();
    return swap_last_two(bytes, s[0], s[1] * s[2], s[3], tensor.dtype());
}

/// The shape the tensor has in a file.
std::vector<int64_t> file_shape_of(const Tensor& tensor) {
    const auto extents = tensor.shape().extents();
    if (extents.size() == 4) return {extents[0], extents[3], extents[1], extents[2]};
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

std::string shape_text(const std::vector<int64_t>& shape) {
    return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

template <typename T>
std::vector<std::byte> as_bytes(const std::vector<T>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

/// An entry's elements converted to the tensor's type, in the file's order. f32 and i64 tensors take any floating-point
/// or whole-number type; the others only their own.
std::vector<std::byte> read_as(const SafetensorsFile& file, const SafetensorsEntry& entry, DType dtype) {
    if (dtype == DType::f32) return as_bytes(file.read_floats(entry));
    if (dtype == DType::i64) return as_bytes(file.read_integers(entry));
    check(entry.dtype == file_dtype_of(dtype), "{}: tensor {} is {}, expected {}", file.path().string(), entry.name,
          name_of(entry.dtype), name_of(file_dtype_of(dtype)));
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

void check_entry(const SafetensorsFile& file, const SafetensorsEntry& entry, const Tensor& tensor) {
    const std::vector<int64_t> expected = file_shape_of(tensor);
    check(entry.shape == expected, "{}: {} has shape {} in the file, {} was expected; it belongs to another network",
          file.path().string(), entry.name, shape_text(entry.shape), shape_text(expected));
    const bool floats = entry.dtype == FileDType::f32 || entry.dtype == FileDType::f16 ||
                        entry.dtype == FileDType::bf16 || entry.dtype == FileDType::f64;
    check(floats == (tensor.dtype() == DType::f32 || tensor.dtype() == DType::bf16),
          "{}: {} has type {} in the file, {} was expected", file.path().string(), entry.name, name_of(entry.dtype),
          name_of(file_dtype_of(tensor.dtype())));
}

void check_unexpected(const SafetensorsFile& file, const std::string& prefix, const std::vector<NamedTensor>& tensors,
                      const LoadOptions& options) {
    if (options.unexpected == UnexpectedKeys::ignore) return;
    std::unordered_set<std::string> wanted;
    for (const NamedTensor& named : tensors) wanted.insert(prefix + named.name);
    for (const SafetensorsEntry& entry : file.entries()) {
        if (!entry.name.starts_with(prefix) || wanted.contains(entry.name)) continue;
        if (starts_with_any(std::string_view(entry.name).substr(prefix.size()), options.ignored)) continue;
        fail("{}: the file holds {} (shape {}), which the network does not have; it belongs to another network",
             file.path().string(), entry.name, shape_text(entry.shape));
    }
}

void load_into(const SafetensorsFile& file, const SafetensorsEntry& entry, Tensor tensor) {
    std::vector<std::byte> bytes = read_as(file, entry, tensor.dtype());
    if (tensor.shape().rank() == 4) {
        const Shape& s = tensor.shape();
        bytes = swap_last_two(bytes, s[0], s[3], s[1] * s[2], tensor.dtype());
    }
    tensor.copy_from_host(bytes.data());
}

}  // namespace

SafetensorsItem to_item(const std::string& name, const Tensor& tensor) {
    return {name, file_dtype_of(tensor.dtype()), file_shape_of(tensor), [tensor] { return file_bytes_of(tensor); }};
}

SafetensorsItem to_transposed_item(const std::string& name, const Tensor& matrix) {
    check(matrix.shape().rank() == 2, "to_transposed_item: {} has shape {}, expected a matrix", name, matrix.shape());
    const int64_t rows = matrix.dim(0), columns = matrix.dim(1);
    return {name, file_dtype_of(matrix.dtype()), {columns, rows}, [=] {
                return swap_last_two(bytes_of(matrix), 1, rows, columns, matrix.dtype());
            }};
}

SafetensorsItem to_item(const std::string& name, int64_t value) {
    return {name, FileDType::i64, {1}, [value] { return as_bytes(std::vector<int64_t>{value}); }};
}

void append_items(std::vector<SafetensorsItem>& items, const std::string& prefix,
                  const std::vector<NamedTensor>& tensors) {
    for (const NamedTensor& named : tensors) items.push_back(to_item(prefix + named.name, named.tensor));
}

void append_items(std::vector<SafetensorsItem>& items, const std::string& prefix, const ModuleState& state) {
    append_items(items, prefix, state.parameters);
    append_items(items, prefix, state.buffers);
}

void load_tensors(const SafetensorsFile& file, const std::string& prefix, const std::vector<NamedTensor>& tensors,
                  const LoadOptions& options) {
    for (const NamedTensor& named : tensors) {
        const SafetensorsEntry* entry = file.find(prefix + named.name);
        if (entry == nullptr && ends_with_any(named.name, options.optional)) continue;
        check(entry != nullptr, "{}: the file holds no {} (shape {} was expected); it belongs to another network",
              file.path().string(), prefix + named.name, shape_text(file_shape_of(named.tensor)));
        check_entry(file, *entry, named.tensor);
    }
    check_unexpected(file, prefix, tensors, options);
    for (const NamedTensor& named : tensors) {
        if (const SafetensorsEntry* entry = file.find(prefix + named.name)) load_into(file, *entry, named.tensor);
    }
}

void load_state(const SafetensorsFile& file, const std::string& prefix, const ModuleState& state,
                const LoadOptions& options) {
    std::vector<NamedTensor> all = state.parameters;
    all.insert(all.end(), state.buffers.begin(), state.buffers.end());
    load_tensors(file, prefix, all, options);
}

void load_transposed(const SafetensorsFile& file, const std::string& name, Tensor& matrix) {
    const SafetensorsEntry& entry = file.at(name);
    const int64_t rows = matrix.dim(0), columns = matrix.dim(1);
    const std::vector<int64_t> expected = {columns, rows};
    check(entry.shape == expected, "{}: {} has shape {} in the file, {} was expected", file.path().string(), name,
          shape_text(entry.shape), shape_text(expected));
    const std::vector<std::byte> bytes = read_as(file, entry, matrix.dtype());
    matrix.copy_from_host(swap_last_two(bytes, 1, columns, rows, matrix.dtype()).data());
}

int64_t load_integer(const SafetensorsFile& file, const std::string& name) {
    const SafetensorsEntry& entry = file.at(name);
    check(entry.count() == 1, "{}: {} has shape {}, expected one number", file.path().string(), name,
          shape_text(entry.shape));
    return file.read_integers(entry)[0];
}

}  // namespace moco

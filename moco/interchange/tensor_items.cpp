#include "moco/interchange/tensor_items.h"

#include <cstring>
#include <utility>

#include "core/bf16.h"
#include "core/error.h"
#include "nn/half.h"

namespace moco {
namespace {

template <typename T, typename Convert>
std::vector<std::byte> bytes_of_each(const std::vector<float>& values, Convert convert) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    for (size_t i = 0; i < values.size(); ++i) {
        const T value = convert(values[i]);
        std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
    return bytes;
}

std::vector<std::byte> converted(const std::vector<float>& values, FileDType to) {
    if (to == FileDType::f16) return bytes_of_each<uint16_t>(values, float_to_half);
    if (to == FileDType::bf16) return bytes_of_each<uint16_t>(values, float_to_bf16);
    return bytes_of_each<float>(values, [](float value) { return value; });
}

}  // namespace

FileDType floating_dtype(const std::string& flag) {
    for (const auto& [name, dtype] :
         {std::pair{"f32", FileDType::f32}, {"f16", FileDType::f16}, {"bf16", FileDType::bf16}}) {
        if (flag == name) return dtype;
    }
    fail("--dtype {}: expected f32, f16 or bf16", flag);
}

TensorItem item_of(const std::shared_ptr<const TensorFile>& file, const TensorEntry& entry, std::string name,
                   std::optional<FileDType> floats) {
    if (is_floating(entry.dtype) && floats && *floats != entry.dtype) {
        return {std::move(name), *floats, entry.shape,
                [file, entry, to = *floats] { return converted(file->read_floats(entry), to); }};
    }
    return {std::move(name), entry.dtype, entry.shape, [file, entry] {
                std::vector<std::byte> bytes(entry.bytes);
                file->read(entry, bytes.data());
                return bytes;
            }};
}

}  // namespace moco

#include "moco/tasks/adopted_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "moco/interchange/resnet_keys.h"

namespace moco {
namespace {

const TensorEntry& checked(const TensorFile& file, const std::string& name, const std::vector<int64_t>& shape) {
    const TensorEntry* entry = file.find(name);
    check(entry != nullptr, "{} holds no {}: it is no training checkpoint to go on from", file.path().string(), name);
    check(entry->shape == shape, "{}: {} has shape {}, expected {}", file.path().string(), file.called(*entry),
          shape_text(entry->shape), shape_text(shape));
    return *entry;
}

template <typename T>
std::vector<std::byte> bytes_of_values(const std::vector<T>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

TensorItem floats(const std::shared_ptr<const TensorFile>& file, const std::string& name,
                  const std::vector<int64_t>& shape) {
    const TensorEntry& entry = checked(*file, name, shape);
    check(is_floating(entry.dtype), "{}: {} is {}, expected floating-point numbers", file->path().string(),
          file->called(entry), name_of(entry.dtype));
    return {name, FileDType::f32, shape, [file, entry] {
                const std::vector<float> values = file->read_floats(entry);
                const bool finite =
                    std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
                check(finite, "{}: {} has elements that are not finite", file->path().string(), file->called(entry));
                return bytes_of_values(values);
            }};
}

TensorItem integer(const std::string& name, const std::vector<int64_t>& shape, int64_t value) {
    return {name, FileDType::i64, shape, [value] { return bytes_of_values(std::vector<int64_t>{value}); }};
}

int64_t integer_in(const TensorFile& file, const std::string& name) {
    const TensorEntry& entry = file.at(name);
    const std::vector<int64_t> values = file.read_integers(entry);
    check(values.size() == 1, "{}: {} has shape {}, expected one number", file.path().string(), file.called(entry),
          shape_text(entry.shape));
    return values.front();
}

}  // namespace

std::vector<TensorItem> adopted_state(const std::shared_ptr<const TensorFile>& file, const NetworkConfig& config,
                                      int64_t K) {
    std::vector<TensorItem> items;
    const std::vector<ExpectedKey> keys = expected_keys(config);
    for (const std::string encoder : {"encoder_q.", "encoder_k."}) {
        for (const ExpectedKey& key : keys) {
            const std::string name = encoder + key.name;
            if (!key.name.ends_with("num_batches_tracked")) {
                items.push_back(floats(file, name, key.shape));
            } else {
                items.push_back(integer(name, key.shape, file->find(name) == nullptr ? 0 : integer_in(*file, name)));
            }
        }
    }
    items.push_back(floats(file, "queue", {config.dim, K}));
    const int64_t pointer = integer_in(*file, "queue_ptr");
    check(pointer >= 0 && pointer < K, "{}: queue_ptr is {}, expected a place in the queue of {}",
          file->path().string(), pointer, K);
    items.push_back(integer("queue_ptr", {1}, pointer));
    for (const ExpectedKey& key : keys) {
        if (key.parameter) items.push_back(floats(file, "optimizer." + key.name, key.shape));
    }
    return items;
}

}  // namespace moco

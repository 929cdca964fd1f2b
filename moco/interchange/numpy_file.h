// NumPy's files: one array (.npy), or a zip archive of them (.npz).
#pragma once

#include <memory>

#include "core/mapped_file.h"
#include "moco/interchange/strided_copy.h"
#include "moco/interchange/zip.h"
#include "nn/tensor_file.h"

namespace moco {

/// Arrays of little-endian numbers in either order; an .npy file's is called "array", an .npz file's by their names.
/// Throws Error naming the file and the array for what holds objects, is truncated or contradicts itself.
class NumpyFile final : public TensorFile {
  public:
    explicit NumpyFile(MappedFile file);

    void read(const TensorEntry& entry, void* target) const override;

  private:
    struct Place {
        const uint8_t* elements = nullptr;
        std::vector<int64_t> strides;
    };
    void add(std::vector<TensorEntry>& entries, const std::string& name, std::span<const uint8_t> npy);

    MappedFile file_;
    std::vector<std::vector<uint8_t>> unpacked_;
    std::vector<Place> places_;  // TensorEntry::begin is an index
};

}  // namespace moco

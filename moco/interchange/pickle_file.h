// Files of torch.save in both containers, and plain pickles of NumPy arrays (detectron2's .pkl).
//
// Since PyTorch 1.6 a file is a zip archive: NAME/data.pkl and the storages NAME/data/0, 1, ...; before, three small
// pickles, the object's, the storages' keys, and the storages one after the other.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/mapped_file.h"
#include "moco/interchange/pickle_values.h"
#include "moco/interchange/strided_copy.h"
#include "moco/interchange/zip.h"
#include "nn/tensor_file.h"

namespace moco {

/// Mapped, not copied; packed storages are unpacked when a tensor is read from them. Nothing in the file is executed.
/// Its metadata are texts and numbers of the outermost dictionary. Throws Error naming the file, as unpickle() and
/// ZipArchive do, and on storages that are missing or smaller than the tensors need.
class PickleFile final : public TensorFile {
  public:
    explicit PickleFile(MappedFile file);

    void read(const TensorEntry& entry, void* target) const override;

  private:
    /// Bytes of the file, or of what a packed zip entry unpacks to.
    struct Storage {
        const uint8_t* bytes = nullptr;  // null: packed
        const ZipEntry* packed = nullptr;
        uint64_t size = 0;
    };
    /// A tensor's elements.
    struct Place {
        Storage storage;
        uint64_t begin = 0;  // in bytes of the storage
        std::vector<int64_t> strides;
    };

    void open_zip();
    void open_stream();
    void find_legacy_storages(uint64_t begin);
    void add_tensors();
    void add(std::vector<TensorEntry>& entries, TensorEntry entry, Place place);
    void add_tensor(std::vector<TensorEntry>& entries, const std::string& name, const PickleTensor& tensor);
    void add_array(std::vector<TensorEntry>& entries, const std::string& name, const PickleArray& array);
    Storage storage_of(const PickleStorage& storage) const;
    const uint8_t* unpacked(const ZipEntry& entry) const;

    MappedFile file_;
    std::unique_ptr<ZipArchive> archive_;  // null: a stream of pickles
    std::string folder_;                   // in the archive: "NAME/"
    std::vector<uint8_t> packed_pickle_;
    PickleGraph graph_;
    std::unordered_map<std::string, Storage> legacy_storages_;
    std::vector<Place> places_;  // TensorEntry::begin is an index
    mutable std::mutex mutex_;
    mutable std::unordered_map<const ZipEntry*, std::vector<uint8_t>> unpacked_;
};

}  // namespace moco

// Files of named tensors, whatever their format: what is in them, and their elements when asked for.
//
// nn/safetensors.h reads our own format, moco/interchange other programs'.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace moco {

/// The element types this project reads; it writes f32, f16, bf16, i64 and u8.
enum class FileDType : uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

/// "F32", "BF16", ...: the safetensors format's names.
std::string_view name_of(FileDType dtype);
/// Bytes of one element.
size_t size_of(FileDType dtype);
/// f64, f32, f16 or bf16.
bool is_floating(FileDType dtype);

/// The bytes that a tensor takes in a file; -1 where that exceeds 62 bits or an extent is negative.
int64_t bytes_of(FileDType dtype, const std::vector<int64_t>& shape);

/// "64x3x7x7", "scalar".
std::string shape_text(const std::vector<int64_t>& shape);

using Metadata = std::map<std::string, std::string>;

/// A tensor as its file describes it.
struct TensorEntry {
    std::string name;
    FileDType dtype = FileDType::f32;
    std::vector<int64_t> shape;  // {} is a scalar
    uint64_t begin = 0;          // where its elements are: the reader's own affair
    uint64_t bytes = 0;          // of its elements, without gaps

    int64_t count() const;
};

/// A file open for reading. Constructors and reads throw Error with one sentence that names the file when something is
/// wrong with it. Reads may come from several threads.
class TensorFile {
  public:
    TensorFile() = default;
    TensorFile(const TensorFile&) = delete;
    TensorFile& operator=(const TensorFile&) = delete;
    virtual ~TensorFile() = default;

    const std::filesystem::path& path() const { return path_; }
    /// Texts and numbers that the file keeps beside its tensors; empty where it has none.
    const Metadata& metadata() const { return metadata_; }
    const std::vector<TensorEntry>& entries() const { return entries_; }
    /// Null if there is no tensor of that name.
    const TensorEntry* find(const std::string& name) const;
    /// Throws Error if there is none.
    const TensorEntry& at(const std::string& name) const;

    /// The elements in the file's type, in C order and without gaps: entry.bytes bytes into `target`.
    virtual void read(const TensorEntry& entry, void* target) const = 0;
    /// How messages name the tensor: where entries have been renamed, with the name in the file.
    virtual std::string called(const TensorEntry& entry) const { return entry.name; }

    /// f32, f16, bf16 and f64 as f32; Error for other types.
    std::vector<float> read_floats(const TensorEntry& entry) const;
    /// Whole numbers and booleans as i64; Error for other types.
    std::vector<int64_t> read_integers(const TensorEntry& entry) const;

  protected:
    /// Throws Error on a name that is taken.
    void set_entries(std::vector<TensorEntry> entries);

    std::filesystem::path path_;
    Metadata metadata_;

  private:
    std::vector<TensorEntry> entries_;
    std::unordered_map<std::string, size_t> index_;
};

/// A tensor to be written. `elements` is called once, when its turn comes, so that only one tensor at a time has a copy
/// on the host.
struct TensorItem {
    std::string name;
    FileDType dtype = FileDType::f32;
    std::vector<int64_t> shape;
    std::function<std::vector<std::byte>()> elements;
};

}  // namespace moco

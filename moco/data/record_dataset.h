// Data sets of fixed-size records in binary files: CIFAR-10, CIFAR-100, STL-10. The files stay on disk and are mapped.
#pragma once

#include <string>
#include <vector>

#include "core/mapped_file.h"
#include "moco/data/dataset.h"

namespace moco {

/// The order of the pixels within a plane; planes come one after the other: R, G, B.
enum class PlaneOrder { rows, columns };

/// A record: label_bytes bytes, the last of which is the class, then 3 planes of side x side bytes.
struct RecordLayout {
    int64_t label_bytes = 1;
    int64_t side = 32;
    PlaneOrder order = PlaneOrder::rows;
    int64_t image_bytes() const { return 3 * side * side; }
    int64_t bytes() const { return label_bytes + image_bytes(); }
};

class RecordDataset final : public Dataset {
  public:
    /// The records of `files` in order. labels: one a record where they stand in a file of their own (0-based), else
    /// empty; without either, images have no label. Throws Error when a file is no whole number of records or a label
    /// is not below info.classes.
    RecordDataset(DatasetInfo info, const RecordLayout& layout, std::vector<MappedFile> files,
                  std::vector<uint8_t> labels);
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override;
    int64_t label(int64_t i) const override;
    std::string path(int64_t i) const override;

  private:
    struct Place {
        size_t file;
        int64_t record;
    };
    Place place(int64_t i) const;
    const uint8_t* record(int64_t i) const;

    DatasetInfo info_;
    RecordLayout layout_;
    std::vector<MappedFile> files_;
    std::vector<int64_t> first_;  // index of each file's first record
    std::vector<uint8_t> labels_;
};

/// CIFAR-10's and CIFAR-100's binary versions (100: the fine labels) and STL-10's, in `folder` or in the folder that
/// their archives make there. Throws Error when a file is missing or of another size.
Splits open_cifar10(const std::string& folder);
Splits open_cifar100(const std::string& folder);
Splits open_stl10(const std::string& folder);

}  // namespace moco

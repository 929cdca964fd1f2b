// A data set whose images lie in memory, all of one size.
#pragma once

#include <string>
#include <vector>

#include "moco/data/dataset.h"

namespace moco {

class MemoryDataset final : public Dataset {
  public:
    /// pixels: info.count images of info.H x info.W x info.channels. labels: info.count, or empty. path: their file.
    MemoryDataset(DatasetInfo info, std::vector<uint8_t> pixels, std::vector<uint8_t> labels, std::string path);
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override;
    int64_t label(int64_t i) const override;
    std::string path(int64_t i) const override;

  private:
    DatasetInfo info_;
    std::vector<uint8_t> pixels_, labels_;
    std::string path_;
};

}  // namespace moco

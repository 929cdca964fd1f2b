// A data set some of whose images cannot be read.
#pragma once

#include <set>
#include <string>
#include <thread>

#include "core/error.h"
#include "moco/data/dataset.h"
#include "tests/moco/data/pixels.h"

namespace moco::testing {

class FlawedDataset final : public Dataset {
  public:
    FlawedDataset(DatasetPtr whole, std::set<int64_t> damaged)
        : whole_(std::move(whole)), damaged_(std::move(damaged)) {}
    const DatasetInfo& info() const override { return whole_->info(); }
    Image load(int64_t i) const override {
        check(!damaged_.contains(i), "{} is damaged", path(i));
        return whole_->load(i);
    }
    int64_t label(int64_t i) const override { return whole_->label(i); }
    std::string path(int64_t i) const override { return whole_->path(i); }

  private:
    DatasetPtr whole_;
    std::set<int64_t> damaged_;
};

}  // namespace moco::testing

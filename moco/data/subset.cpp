#include "moco/data/subset.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/parse.h"
#include "core/random.h"

namespace moco {
namespace {

class Subset final : public Dataset {
  public:
    Subset(DatasetPtr whole, std::vector<int64_t> indices, std::string part)
        : whole_(std::move(whole)), indices_(std::move(indices)), info_(whole_->info()) {
        info_.count = std::ssize(indices_);
        info_.part = std::move(part);
    }

    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override { return whole_->load(at(i)); }
    ScaledImage load_scaled(int64_t i, const ScaleChooser& choose) const override {
        return whole_->load_scaled(at(i), choose);
    }
    int64_t label(int64_t i) const override { return whole_->label(at(i)); }
    std::string path(int64_t i) const override { return whole_->path(at(i)); }
    std::string names_digest() const override { return whole_->names_digest(); }
    std::vector<std::string> take_notes() const override { return whole_->take_notes(); }

  private:
    int64_t at(int64_t i) const { return indices_[static_cast<size_t>(i)]; }

    DatasetPtr whole_;
    std::vector<int64_t> indices_;
    DatasetInfo info_;
};

/// What is drawn by one seed: which images are held out, and which labels are used.
enum class Draw : uint32_t { held_out = 0, labels = 1 };

using ByClass = std::map<int64_t, std::vector<int64_t>>;

std::string class_name(const DatasetInfo& info, int64_t label) {
    return info.class_names.empty() ? fmt::format("{}", label) : info.class_names[static_cast<size_t>(label)];
}

/// The images of each class in a random order of their own.
void shuffle(ByClass& images, uint64_t seed, Draw draw) {
    for (auto& [label, indices] : images) {
        Random random(seed, Purpose::subset, static_cast<uint32_t>(draw), static_cast<uint32_t>(label));
        const std::vector<int64_t> order = random.permutation(std::ssize(indices));
        std::vector<int64_t> shuffled;
        for (const int64_t i : order) shuffled.push_back(indices[static_cast<size_t>(i)]);
        indices = std::move(shuffled);
    }
}

int64_t nearest_share(double share, size_t count) {
    return std::llround(share * static_cast<double>(count));
}

}  // namespace

DatasetPtr subset(DatasetPtr whole, std::vector<int64_t> indices, std::string part) {
    return std::make_shared<Subset>(std::move(whole), std::move(indices), std::move(part));
}

HeldOut hold_out(const Dataset& data, double share, uint64_t seed) {
    ByClass images;
    for (int64_t i = 0; i < data.count(); ++i) {
        if (data.label(i) >= 0) images[data.label(i)].push_back(i);
    }
    shuffle(images, seed, Draw::held_out);
    HeldOut result;
    for (const auto& of_class : images) {
        const std::vector<int64_t>& indices = of_class.second;
        const auto end = indices.begin() + nearest_share(share, indices.size());
        result.held.insert(result.held.end(), indices.begin(), end);
        result.rest.insert(result.rest.end(), end, indices.end());
    }
    std::sort(result.held.begin(), result.held.end());
    std::sort(result.rest.begin(), result.rest.end());
    check(!result.rest.empty(), "--val-share {}: of the {} labelled images of {} none is left to train on", share,
          result.held.size(), data.info().name);
    return result;
}

LabelShare label_share(std::string_view text) {
    const bool percent = text.ends_with('%');
    const std::string_view number = percent ? text.substr(0, text.size() - 1) : text;
    const auto expected = [&](bool holds) {
        check(holds, "--labels {}: expected a share such as 1% (above 0, at most 100%), or a number of images a class",
              text);
    };
    LabelShare share;
    if (percent) {
        const std::optional<double> value = parse_number<double>(number);
        expected(value && *value > 0 && *value <= 100);
        share.percent = *value;
    } else {
        const std::optional<int64_t> value = parse_number<int64_t>(number);
        expected(value && *value >= 1);
        share.per_class = *value;
    }
    return share;
}

std::vector<int64_t> choose_labelled(const Dataset& data, const std::vector<int64_t>& among, const LabelShare& share,
                                     uint64_t seed) {
    ByClass images;
    for (int64_t label = 0; label < data.info().classes; ++label) images[label] = {};  // so that none goes unnoticed
    for (const int64_t i : among) images[data.label(i)].push_back(i);
    shuffle(images, seed, Draw::labels);
    std::vector<int64_t> chosen;
    for (const auto& of_class : images) {
        const std::vector<int64_t>& indices = of_class.second;
        check(share.per_class <= std::ssize(indices), "--labels {}: class {} has {} images to train on",
              share.per_class, class_name(data.info(), of_class.first), indices.size());
        if (indices.empty()) continue;
        const int64_t count = share.per_class > 0
                                  ? share.per_class
                                  : std::max<int64_t>(nearest_share(share.percent / 100, indices.size()), 1);
        chosen.insert(chosen.end(), indices.begin(), indices.begin() + count);
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

}  // namespace moco

#include "moco/data/shapes.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "moco/data/shapes_drawing.h"

namespace moco {
namespace {

class ShapesDataset final : public Dataset {
  public:
    ShapesDataset(std::string part, uint32_t part_number, int64_t count) : part_number_(part_number) {
        info_.name = "shapes";
        info_.part = std::move(part);
        info_.count = count;
        info_.H = info_.W = kShapesSide;
        info_.classes = static_cast<int64_t>(shape_names().size());
        info_.class_names = shape_names();
        // Measured over the 20,000 training images.
        info_.normalization = {{0.464f, 0.465f, 0.467f}, {0.220f, 0.220f, 0.220f}};
    }
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override {
        Random random(0, Purpose::shapes, part_number_, static_cast<uint32_t>(i));
        return draw_shape(label(i), kShapesSide, random);
    }
    int64_t label(int64_t i) const override { return i % info_.classes; }
    std::string path(int64_t i) const override { return fmt::format("{}#{}", info_.part, i); }

  private:
    DatasetInfo info_;
    uint32_t part_number_;
};

}  // namespace

Splits open_shapes(int64_t count) {
    const auto train = std::make_shared<ShapesDataset>("train", 0, count);
    return {train, train, std::make_shared<ShapesDataset>("test", 1, std::max<int64_t>(10, count / 10))};
}

}  // namespace moco

// Sums of a convolution's results and of their squares, taken tile by tile while they are in the core's first cache
// (for kernel files, after cpu/simd.h; seen again per target).
#if defined(MOCO_CPU_WINOGRAD_SUMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_WINOGRAD_SUMS_INL_H
#undef MOCO_CPU_WINOGRAD_SUMS_INL_H
#else
#define MOCO_CPU_WINOGRAD_SUMS_INL_H
#endif

#include "cpu/microkernel-inl.h"
#include "cpu/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Adds tile after tile to the sums of its image (N x 2 x M, from channel `first` on; the second of both of squares),
/// if there are any, of up to kChannels channels, whole vectors. Neighbouring tiles of an image are summed in f32, but
/// of what exceeds their first pixel, so that they lose no digits to a mean far above the spread; then in double.
template <int64_t kChannels>
class ImageSums {
  public:
    ImageSums(double* sums, int64_t M, int64_t first, int64_t channels)
        : sums_(sums == nullptr ? nullptr : sums + first), M_(M), channels_(channels) {}

    /// Adds the results within the image of the tile at which the cursor stands, which lie in `pixels`.
    HWY_INLINE void add(const TileCursor& cursor, float* const* pixels) {
        if (sums_ == nullptr) return;
        if (cursor.image() != image_) finish();
        image_ = cursor.image();
        const int64_t rows = cursor.result_rows(), columns = cursor.result_columns();
        for (int64_t c = 0; c < channels_; c += kLanes) add_vector(rows, columns, pixels, c);
        count_ += rows * columns;
    }

    /// After the last tile.
    HWY_INLINE void finish() {
        if (count_ == 0) return;
        const auto count = static_cast<double>(count_);
        double *sums = sums_ + image_ * 2 * M_, *squares = sums + M_;
        for (int64_t c = 0; c < channels_; ++c) {
            const double first = first_[c], sum = sum_[c];
            sums[c] += sum + count * first;
            squares[c] += square_[c] + first * (2 * sum + count * first);
        }
        count_ = 0;
    }

  private:
    HWY_INLINE void add_vector(int64_t rows, int64_t columns, float* const* pixels, int64_t c) {
        const FloatTag d;
        if (count_ == 0) {
            hn::Store(hn::LoadU(d, pixels[0] + c), d, first_ + c);
            hn::Store(hn::Zero(d), d, sum_ + c);
            hn::Store(hn::Zero(d), d, square_ + c);
        }
        const FloatVector first = hn::Load(d, first_ + c);
        // Two of each: every addition waits for the one before.
        FloatVector sum[2] = {hn::Load(d, sum_ + c), hn::Zero(d)};
        FloatVector square[2] = {hn::Load(d, square_ + c), hn::Zero(d)};
        const auto add_pixel = [&](int64_t pixel, int i) HWY_ATTR {
            const FloatVector value = hn::Sub(hn::LoadU(d, pixels[pixel] + c), first);
            sum[i] = hn::Add(sum[i], value);
            square[i] = hn::MulAdd(value, value, square[i]);
        };
        if (rows == kTileOut && columns == kTileOut) {
#pragma GCC unroll 16
            for (int i = 0; i < kTileOut * kTileOut; ++i) add_pixel(i, i % 2);
        } else {
            for (int64_t row = 0; row < rows; ++row)
                for (int64_t column = 0; column < columns; ++column) add_pixel(row * kTileOut + column, 0);
        }
        hn::Store(hn::Add(sum[0], sum[1]), d, sum_ + c);
        hn::Store(hn::Add(square[0], square[1]), d, square_ + c);
    }

    double* sums_;
    int64_t M_, channels_, image_ = -1, count_ = 0;  // count_: of pixels summed in f32
    HWY_ALIGN float first_[kChannels];
    HWY_ALIGN float sum_[kChannels];
    HWY_ALIGN float square_[kChannels];
};

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_WINOGRAD_SUMS_INL_H

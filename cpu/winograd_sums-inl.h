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

/// The sums over neighbouring tiles of an image, of up to kChannels channels: in f32, but of few pixels and of what
/// exceeds the first one, so that they lose no digits to a mean far above the spread; finish() adds them up in double.
template <int64_t kChannels>
class TileSums {
  public:
    /// Adds the results within the image of the tile at which the cursor stands, where they lie in `pixels`, of
    /// `channels` channels: whole vectors.
    HWY_INLINE void add(const TileCursor& cursor, float* const* pixels, int64_t channels) {
        const FloatTag d;
        const int64_t rows = cursor.result_rows(), columns = cursor.result_columns();
        for (int64_t c = 0; c < channels; c += kLanes) {
            if (count_ == 0) begin(c, hn::LoadU(d, pixels[0] + c));
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
        count_ += rows * columns;
    }

    /// Adds the channels' sums to `sums` and those of the squares to `squares`, and begins anew.
    HWY_INLINE void finish(int64_t channels, double* sums, double* squares) {
        const auto count = static_cast<double>(count_);
        for (int64_t c = 0; c < channels; ++c) {
            const double first = first_[c], sum = sum_[c];
            sums[c] += sum + count * first;
            squares[c] += square_[c] + first * (2 * sum + count * first);
        }
        count_ = 0;
    }

  private:
    HWY_INLINE void begin(int64_t c, FloatVector first) {
        const FloatTag d;
        hn::Store(first, d, first_ + c);
        hn::Store(hn::Zero(d), d, sum_ + c);
        hn::Store(hn::Zero(d), d, square_ + c);
    }

    HWY_ALIGN float first_[kChannels];
    HWY_ALIGN float sum_[kChannels];
    HWY_ALIGN float square_[kChannels];
    int64_t count_ = 0;
};

/// Adds tile after tile to the sums of its image (N x 2 x M, from channel `first` on), if there are any.
template <int64_t kChannels>
class ImageSums {
  public:
    ImageSums(double* sums, int64_t M, int64_t first, int64_t channels)
        : sums_(sums == nullptr ? nullptr : sums + first), M_(M), channels_(channels) {}

    HWY_INLINE void add(const TileCursor& cursor, float* const* pixels) {
        if (sums_ == nullptr) return;
        if (cursor.image() != image_) finish();
        image_ = cursor.image();
        tiles_.add(cursor, pixels, channels_);
    }
    /// After the last tile.
    HWY_INLINE void finish() {
        if (sums_ == nullptr || image_ < 0) return;
        double* sums = sums_ + image_ * 2 * M_;
        tiles_.finish(channels_, sums, sums + M_);
    }

  private:
    double* sums_;
    int64_t M_, channels_, image_ = -1;
    TileSums<kChannels> tiles_;
};

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_WINOGRAD_SUMS_INL_H

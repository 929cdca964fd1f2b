// Asking for memory ahead of its use, a little at a time.
#pragma once

#include <cstdint>

namespace moco::cpu {

/// Fetches the next block of x and dy into L2 while the current one is multiplied: a copy straight from memory would
/// take as long as some of the products.
class Fetch {
  public:
    static constexpr int kMaxParts = 65;

    /// `count` pixels of `floats` each, `step` apart. At most kMaxParts calls.
    void add(const float* from, int64_t count, int64_t step, int64_t floats) {
        if (floats == step) floats *= count, step = floats, count = 1;
        parts_[used_++] = {reinterpret_cast<const char*>(from), count, step * 4, floats * 4};
        lines_ += count * ((floats * 4 + kLine - 1) / kLine);
    }
    int64_t lines() const { return lines_; }
    /// Fetches the next `lines` lines.
    void advance(int64_t lines) {
        while (lines > 0 && part_ < used_) {
            Part& part = parts_[part_];
            for (; lines > 0 && at_ < part.bytes; at_ += kLine, --lines) __builtin_prefetch(part.from + at_, 0, 2);
            if (at_ < part.bytes) return;
            at_ = 0;
            part.from += part.step;
            if (--part.count == 0) ++part_;
        }
    }

  private:
    static constexpr int64_t kLine = 64;
    struct Part {
        const char* from;
        int64_t count, step, bytes;
    };
    Part parts_[kMaxParts];
    int used_ = 0, part_ = 0;
    int64_t at_ = 0, lines_ = 0;
};

}  // namespace moco::cpu

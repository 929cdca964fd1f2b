#include "moco/data/pnm_decoder.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "moco/data/deep_values.h"

namespace moco {
namespace {

bool is_blank(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

class Reader {
  public:
    Reader(std::span<const uint8_t> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

    /// The next number of the header or of a text file.
    int64_t number() {
        pass_blanks();
        if (at_ == bytes_.size() || !is_digit(bytes_[at_])) refuse();
        int64_t value = 0;
        for (; at_ < bytes_.size() && is_digit(bytes_[at_]); ++at_) {
            value = std::min<int64_t>(10 * value + (bytes_[at_] - '0'), UINT_MAX);
        }
        return value;
    }
    /// The next digit of a P1 file: blanks between them may be left out.
    int64_t bit() {
        pass_blanks();
        if (at_ == bytes_.size() || bytes_[at_] > '1' || bytes_[at_] < '0') refuse();
        return bytes_[at_++] - '0';
    }
    /// The next `count` bytes.
    const uint8_t* take(int64_t count) {
        if (static_cast<int64_t>(bytes_.size() - at_) < count) refuse();
        at_ += static_cast<size_t>(count);
        return bytes_.data() + at_ - count;
    }
    int64_t left() const { return static_cast<int64_t>(bytes_.size() - at_); }
    [[noreturn]] void refuse() const { fail("{}: truncated or corrupt PNM", name_); }

  private:
    void pass_blanks() {
        for (; at_ < bytes_.size() && (is_blank(bytes_[at_]) || bytes_[at_] == '#'); ++at_) {
            if (bytes_[at_] != '#') continue;
            while (at_ + 1 < bytes_.size() && bytes_[at_ + 1] != '\n' && bytes_[at_ + 1] != '\r') ++at_;
        }
    }

    std::span<const uint8_t> bytes_;
    const std::string& name_;
    size_t at_ = 2;  // after "P6"
};

/// The bytes for values of up to `maximum`; those above it are white.
class Scale {
  public:
    Scale(int64_t maximum, const DecodeOptions& options)
        : most_(maximum > 255 ? 65535 : 255),
          deep_(maximum == 65535 || (maximum > 255 && options.depth_range)),
          values_(options) {
        if (deep_) return;
        bytes_.assign(static_cast<size_t>(most_ + 1), 255);
        for (int64_t value = 0; value <= maximum; ++value) {
            const double scaled = std::nearbyint(static_cast<double>(value) / static_cast<double>(maximum) * 255);
            bytes_[static_cast<size_t>(value)] = static_cast<uint8_t>(std::lround(scaled));
        }
    }

    bool wide() const { return most_ > 255; }
    uint8_t byte_of(int64_t value) {
        value = std::min(value, most_);
        return deep_ ? values_.byte_of(value) : bytes_[static_cast<size_t>(value)];
    }
    /// Once the image is whole.
    void finish(const std::string& name) const {
        if (deep_) values_.finish(name);
    }

  private:
    int64_t most_;  // that is stored in as many bytes
    bool deep_;
    DeepValues values_;
    std::vector<uint8_t> bytes_;  // of each value, where it is not deep
};

/// One row of `count` values.
void read_row(Reader& reader, char kind, Scale& scale, int64_t count, uint8_t* row) {
    const bool text = kind <= '3', wide = scale.wide();
    if (kind == '4') {
        const uint8_t* bits = reader.take((count + 7) / 8);
        for (int64_t i = 0; i < count; ++i) row[i] = (bits[i / 8] >> (7 - i % 8) & 1) != 0 ? 0 : 255;
        return;
    }
    const uint8_t* bytes = text ? nullptr : reader.take(count * (wide ? 2 : 1));
    for (int64_t i = 0; i < count; ++i) {
        if (kind == '1') {
            row[i] = reader.bit() != 0 ? 0 : 255;
        } else if (text) {
            row[i] = scale.byte_of(reader.number());
        } else {
            row[i] = scale.byte_of(wide ? bytes[2 * i] << 8 | bytes[2 * i + 1] : bytes[i]);
        }
    }
}

}  // namespace

bool is_pnm(std::span<const uint8_t> bytes) {
    return bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
           (is_blank(bytes[2]) || bytes[2] == '#');
}

Image decode_pnm(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
    Reader reader(bytes, name);
    const char kind = static_cast<char>(bytes[1]);
    const bool bitmap = kind == '1' || kind == '4', colour = kind == '3' || kind == '6';
    const int64_t W = reader.number(), H = reader.number(), maximum = bitmap ? 1 : reader.number();
    check(maximum >= 1 && maximum <= 65535, "{}: a PNM whose maximum is {}, expected 1 to 65535", name, maximum);
    check_image_size(name, W, H, options);
    reader.take(1);  // one blank ends the header
    const int64_t C = colour ? 3 : 1, most = reader.left() * (kind == '4' ? 8 : 1);
    if (W * H * C > most) reader.refuse();
    Scale scale(maximum, options);
    Image image(H, W, 3);
    for (int64_t y = 0; y < H; ++y) {
        uint8_t* row = image.at(y, 0);
        read_row(reader, kind, scale, W * C, row);
        for (int64_t x = colour ? -1 : W - 1; x >= 0; --x) std::fill_n(row + 3 * x, 3, row[x]);
    }
    scale.finish(name);
    return image;
}

}  // namespace moco

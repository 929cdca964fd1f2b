#include "moco/data/tiff_decoder.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "moco/data/deep_values.h"
#include "moco/data/orientation.h"

namespace moco {
namespace {

/// A file in memory as libtiff reads it, and what libtiff says about it.
struct Source {
    std::span<const uint8_t> bytes;
    uint64_t at = 0;
    std::array<char, 200> message = {};
};

tmsize_t give(thandle_t user, void* target, tmsize_t size) {
    auto& source = *static_cast<Source*>(user);
    const uint64_t left = source.bytes.size() - std::min<uint64_t>(source.at, source.bytes.size());
    const uint64_t count = std::min(static_cast<uint64_t>(size), left);
    if (count > 0) std::memcpy(target, source.bytes.data() + source.at, count);
    source.at += count;
    return static_cast<tmsize_t>(count);
}

tmsize_t take_nothing(thandle_t /*user*/, void* /*bytes*/, tmsize_t /*size*/) {
    return -1;
}

toff_t seek(thandle_t user, toff_t offset, int from) {
    auto& source = *static_cast<Source*>(user);
    source.at = offset + (from == SEEK_CUR ? source.at : from == SEEK_END ? source.bytes.size() : 0);
    return source.at;
}

int leave_open(thandle_t /*user*/) {
    return 0;
}

toff_t size_of(thandle_t user) {
    return static_cast<Source*>(user)->bytes.size();
}

/// Keeps the first error: those that follow come of it. A wrong orientation is none: libtiff goes on without it.
int note(TIFF* /*tiff*/, void* user, const char* /*module*/, const char* format, va_list arguments) {
    auto& source = *static_cast<Source*>(user);
    if (source.message[0] == '\0') std::vsnprintf(source.message.data(), source.message.size(), format, arguments);
    if (std::strstr(source.message.data(), "for \"Orientation\" tag") != nullptr) source.message[0] = '\0';
    for (char& c : source.message) {
        if (c == '\n') c = ' ';
    }
    return 1;
}

/// Where the file ends within a tag (a palette, say) libtiff warns and goes on without it; other warnings are harmless.
int judge_warning(TIFF* tiff, void* user, const char* module, const char* format, va_list arguments) {
    const bool ended = std::strstr(format, "IO error") != nullptr;
    return ended ? note(tiff, user, module, format, arguments) : 1;
}

struct Close {
    void operator()(TIFF* tiff) const { TIFFClose(tiff); }
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

using TiffFile = std::unique_ptr<TIFF, Close>;

TiffFile open(Source& source, const DecodeOptions& options) {
    const std::unique_ptr<TIFFOpenOptions, Close> how(TIFFOpenOptionsAlloc());
    TIFFOpenOptionsSetErrorHandlerExtR(how.get(), note, &source);
    TIFFOpenOptionsSetWarningHandlerExtR(how.get(), judge_warning, &source);
    // No block of a file holds more than its image, 8 bytes a pixel at the most, and some slack.
    TIFFOpenOptionsSetMaxSingleMemAlloc(how.get(), static_cast<tmsize_t>(8 * options.max_pixels + (1 << 20)));
    return TiffFile(TIFFClientOpenExt("", "rm", &source, give, take_nothing, seek, leave_open, size_of, nullptr,
                                      nullptr, how.get()));
}

/// libtiff multiplies colours by an alpha that they are not multiplied by yet, and would show black where it is 0.
void drop_alpha(TIFF* tiff) {
    uint16_t count = 0;
    const uint16_t* kinds = nullptr;
    if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 0) return;
    std::vector<uint16_t> as_they_are(count, EXTRASAMPLE_ASSOCALPHA);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, count, as_they_are.data());
}

/// How the values of an image lie in its file.
struct Layout {
    uint32_t W = 0, H = 0;
    uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT, photometric = 0, planes = PLANARCONFIG_CONTIG;
    uint16_t orientation = ORIENTATION_TOPLEFT;

    /// Whole numbers of 16 bits: libtiff's own conversion would round them, and knows no range.
    bool is_deep() const {
        const bool colour = photometric == PHOTOMETRIC_RGB;
        const bool grey = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
        return bits == 16 && format == SAMPLEFORMAT_UINT && samples <= 8 && (grey || (colour && samples >= 3));
    }
    int64_t channels() const { return photometric == PHOTOMETRIC_RGB ? 3 : 1; }
    bool apart() const { return planes == PLANARCONFIG_SEPARATE && samples > 1; }
};

Layout layout_of(TIFF* tiff) {
    Layout layout;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout.W);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout.H);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout.bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout.samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout.format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout.planes);
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout.photometric);
    TIFFGetField(tiff, TIFFTAG_ORIENTATION, &layout.orientation);
    if (layout.orientation < 1 || layout.orientation > 8) layout.orientation = ORIENTATION_TOPLEFT;
    return layout;
}

/// Reads an image of 16-bit values block by block; false where libtiff fails.
class DeepReader {
  public:
    DeepReader(TIFF* tiff, const Layout& layout, const DecodeOptions& options)
        : tiff_(tiff), layout_(layout), values_(options), image_(layout.H, layout.W, 3) {}

    bool read() {
        const bool tiled = TIFFIsTiled(tiff_) != 0;
        const tmsize_t bytes = tiled ? TIFFTileSize(tiff_) : TIFFScanlineSize(tiff_);
        if (bytes <= 0 || bytes > static_cast<tmsize_t>(16 * image_.H * image_.W + (32 << 20))) return false;
        block_.resize(static_cast<size_t>(bytes) / 2);
        const int64_t planes = layout_.apart() ? layout_.channels() : 1;
        for (int64_t plane = 0; plane < planes; ++plane) {
            if (!(tiled ? read_tiles(plane) : read_rows(plane))) return false;
        }
        return true;
    }

    Image finish(const std::string& name) {
        values_.finish(name);
        if (layout_.channels() == 1) {
            const bool inverted = layout_.photometric == PHOTOMETRIC_MINISWHITE;
            for (size_t i = 0; i < image_.pixels.size(); i += 3) {
                const uint8_t value = image_.pixels[i];
                std::fill_n(&image_.pixels[i], 3, inverted ? static_cast<uint8_t>(255 - value) : value);
            }
        }
        return std::move(image_);
    }

  private:
    bool read_rows(int64_t plane) {
        for (uint32_t y = 0; y < layout_.H; ++y) {
            if (TIFFReadScanline(tiff_, block_.data(), y, static_cast<uint16_t>(plane)) < 0) return false;
            place(plane, y, 0, layout_.W, 0);
        }
        return true;
    }

    bool read_tiles(int64_t plane) {
        uint32_t width = 0, height = 0;
        TIFFGetField(tiff_, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(tiff_, TIFFTAG_TILELENGTH, &height);
        if (width == 0 || height == 0) return false;
        for (uint64_t top = 0; top < layout_.H; top += height) {
            for (uint64_t left = 0; left < layout_.W; left += width) {
                const auto x = static_cast<uint32_t>(left), y = static_cast<uint32_t>(top);
                if (TIFFReadTile(tiff_, block_.data(), x, y, 0, static_cast<uint16_t>(plane)) < 0) return false;
                const uint32_t rows = std::min(height, layout_.H - y), columns = std::min(width, layout_.W - x);
                for (uint32_t row = 0; row < rows; ++row) place(plane, y + row, x, columns, size_t{row} * width);
            }
        }
        return true;
    }

    /// Puts `count` pixels, which begin `skipped` pixels into the block, at (x, y).
    void place(int64_t plane, int64_t y, int64_t x, int64_t count, size_t skipped) {
        const size_t samples = layout_.apart() ? 1 : layout_.samples;
        const int64_t first = layout_.apart() ? plane : 0, channels = layout_.apart() ? 1 : layout_.channels();
        const uint16_t* from = block_.data() + skipped * samples;
        for (int64_t i = 0; i < count; ++i, from += samples) {
            for (int64_t c = 0; c < channels; ++c) image_.at(y, x + i)[first + c] = values_.byte_of(from[c]);
        }
    }

    TIFF* tiff_;
    const Layout& layout_;
    DeepValues values_;
    Image image_;
    std::vector<uint16_t> block_;  // a row or a tile
};

/// By libtiff's conversion; false where it fails.
bool read_shallow(TIFF* tiff, Image& image) {
    drop_alpha(tiff);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // libtiff mirrors, but does not turn
    const auto W = static_cast<uint32_t>(image.W), H = static_cast<uint32_t>(image.H);
    std::vector<uint32_t> raster(size_t{W} * H);
    if (TIFFReadRGBAImageOriented(tiff, W, H, raster.data(), ORIENTATION_TOPLEFT, 1) == 0) return false;
    for (size_t i = 0; i < raster.size(); ++i) {
        image.pixels[3 * i] = static_cast<uint8_t>(TIFFGetR(raster[i]));
        image.pixels[3 * i + 1] = static_cast<uint8_t>(TIFFGetG(raster[i]));
        image.pixels[3 * i + 2] = static_cast<uint8_t>(TIFFGetB(raster[i]));
    }
    return true;
}

/// Reads the samples of an image as they are, block by block; false where libtiff fails.
class SampleReader {
  public:
    SampleReader(TIFF* tiff, const Layout& layout, const DecodeOptions& options)
        : tiff_(tiff), layout_(layout), values_(options), image_(layout.H, layout.W, layout.samples) {}

    bool read() {
        const bool tiled = TIFFIsTiled(tiff_) != 0;
        const tmsize_t bytes = tiled ? TIFFTileSize(tiff_) : TIFFScanlineSize(tiff_);
        const int64_t largest = 2 * layout_.samples * (image_.H * image_.W + (1 << 20));
        if (bytes <= 0 || bytes > static_cast<tmsize_t>(largest)) return false;
        block_.resize(static_cast<size_t>(bytes) + 1);
        for (uint16_t plane = 0; plane < (layout_.apart() ? layout_.samples : 1); ++plane) {
            if (!(tiled ? read_tiles(plane) : read_rows(plane))) return false;
        }
        return true;
    }
    Image finish(const std::string& name) {
        if (layout_.bits == 16) values_.finish(name);
        return std::move(image_);
    }

  private:
    bool read_rows(uint16_t plane) {
        for (uint32_t row = 0; row < layout_.H; ++row) {
            if (TIFFReadScanline(tiff_, block_.data(), row, plane) < 0) return false;
            place(plane, row, 0, layout_.W, 0);
        }
        return true;
    }
    bool read_tiles(uint16_t plane) {
        uint32_t W = 0, H = 0;
        if (TIFFGetField(tiff_, TIFFTAG_TILEWIDTH, &W) == 0 || TIFFGetField(tiff_, TIFFTAG_TILELENGTH, &H) == 0) {
            return false;
        }
        for (uint32_t y = 0; y < layout_.H; y += H) {
            for (uint32_t x = 0; x < layout_.W; x += W) {
                if (TIFFReadTile(tiff_, block_.data(), x, y, 0, plane) < 0) return false;
                for (uint32_t row = 0; row < std::min(H, layout_.H - y); ++row) {
                    place(plane, y + row, x, std::min(W, layout_.W - x), size_t{row} * W);
                }
            }
        }
        return true;
    }
    /// Puts `count` pixels, from pixel `at` of the block on, where they belong.
    void place(uint16_t plane, uint32_t y, uint32_t x, uint32_t count, size_t at) {
        const int64_t samples = layout_.apart() ? 1 : layout_.samples;
        for (uint32_t i = 0; i < count; ++i) {
            for (int64_t c = 0; c < samples; ++c) {
                const size_t from = (at + i) * static_cast<size_t>(samples) + static_cast<size_t>(c);
                uint16_t deep = 0;
                if (layout_.bits == 16) std::memcpy(&deep, block_.data() + 2 * from, 2);
                image_.at(y, x + i)[plane + c] = layout_.bits == 16 ? values_.byte_of(deep) : block_[from];
            }
        }
    }

    TIFF* tiff_;
    Layout layout_;
    DeepValues values_;
    Image image_;
    std::vector<uint8_t> block_;
};

}  // namespace

Image decode_tiff_samples(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
    Source source = {bytes};
    const TiffFile tiff = open(source, options);
    const auto reason = [&] { return source.message[0] == '\0' ? "no reason is given" : source.message.data(); };
    check(tiff != nullptr, "{}: corrupt or truncated TIFF ({})", name, tiff == nullptr ? reason() : "");
    const Layout layout = layout_of(tiff.get());
    check_image_size(name, layout.W, layout.H, options);
    check(layout.samples == options.channels, "{}: the file has {} channels, --channels asks for {}", name,
          layout.samples, options.channels);
    check((layout.bits == 8 || layout.bits == 16) && layout.format == SAMPLEFORMAT_UINT,
          "{}: a TIFF file of {} bits a sample; of several channels, whole numbers of 8 or 16 bits are read", name,
          layout.bits);
    SampleReader reader(tiff.get(), layout, options);
    if (!reader.read() || source.message[0] != '\0') fail("{}: corrupt or truncated TIFF ({})", name, reason());
    return oriented(reader.finish(name), layout.orientation);
}

bool reads_tiff() {
    return true;
}

Image decode_tiff(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
    Source source = {bytes};
    const TiffFile tiff = open(source, options);
    const auto reason = [&] { return source.message[0] == '\0' ? "no reason is given" : source.message.data(); };
    check(tiff != nullptr, "{}: corrupt or truncated TIFF ({})", name, tiff == nullptr ? reason() : "");
    const Layout layout = layout_of(tiff.get());
    check_image_size(name, layout.W, layout.H, options);
    std::array<char, 1024> why = {};
    if (TIFFRGBAImageOK(tiff.get(), why.data()) == 0) {
        fail("{}: a TIFF file that this program does not read ({}); convert it to PNG", name, why.data());
    }
    const auto whole = [&](bool done) {
        if (!done || source.message[0] != '\0') fail("{}: corrupt or truncated TIFF ({})", name, reason());
    };
    if (layout.is_deep()) {
        DeepReader reader(tiff.get(), layout, options);
        whole(reader.read());
        return oriented(reader.finish(name), layout.orientation);
    }
    Image image(layout.H, layout.W, 3);
    whole(read_shallow(tiff.get(), image));
    return oriented(std::move(image), layout.orientation);
}

}  // namespace moco

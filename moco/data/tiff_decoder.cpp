#include "moco/data/tiff_decoder.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/error.h"

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

/// Keeps the first error: those that follow come of it.
int note(TIFF* /*tiff*/, void* user, const char* /*module*/, const char* format, va_list arguments) {
    auto& source = *static_cast<Source*>(user);
    if (source.message[0] == '\0') std::vsnprintf(source.message.data(), source.message.size(), format, arguments);
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

}  // namespace

bool reads_tiff() {
    return true;
}

Image decode_tiff(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
    Source source = {bytes};
    const TiffFile tiff = open(source, options);
    const auto reason = [&] { return source.message[0] == '\0' ? "no reason is given" : source.message.data(); };
    check(tiff != nullptr, "{}: corrupt or truncated TIFF ({})", name, tiff == nullptr ? reason() : "");
    uint32_t W = 0, H = 0;
    TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &W);
    TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &H);
    check_image_size(name, W, H, options);
    std::array<char, 1024> why = {};
    if (TIFFRGBAImageOK(tiff.get(), why.data()) == 0) {
        fail("{}: a TIFF file that this program does not read ({}); convert it to PNG", name, why.data());
    }
    drop_alpha(tiff.get());
    std::vector<uint32_t> raster(size_t{W} * H);
    if (TIFFReadRGBAImageOriented(tiff.get(), W, H, raster.data(), ORIENTATION_TOPLEFT, 1) == 0 ||
        source.message[0] != '\0') {
        fail("{}: corrupt or truncated TIFF ({})", name, reason());
    }
    Image image(H, W, 3);
    for (size_t i = 0; i < raster.size(); ++i) {
        image.pixels[3 * i] = static_cast<uint8_t>(TIFFGetR(raster[i]));
        image.pixels[3 * i + 1] = static_cast<uint8_t>(TIFFGetG(raster[i]));
        image.pixels[3 * i + 2] = static_cast<uint8_t>(TIFFGetB(raster[i]));
    }
    return image;
}

}  // namespace moco

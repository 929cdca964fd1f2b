// Which decoder a file needs.
#include "moco/data/decode.h"

#include <array>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "moco/data/jpeg.h"
#include "moco/data/npy_decoder.h"
#include "moco/data/orientation.h"
#include "moco/data/png_decoder.h"
#include "moco/data/pnm_decoder.h"
#include "moco/data/stb_decoder.h"
#include "moco/data/tiff_decoder.h"
#include "moco/data/webp_decoder.h"
#include "nn/npy_header.h"

namespace moco {
namespace {

using Bytes = std::span<const uint8_t>;
using Decoder = Image (*)(Bytes bytes, const std::string& name, const DecodeOptions& options);

/// A format by a few bytes at a place of its files.
struct Signature {
    std::string_view bytes;
    size_t at;
    Decoder decode;         // null: not read here
    std::string_view kind;  // "an AVIF", where it is not read
};

using namespace std::string_view_literals;

constexpr std::array kSignatures = {
    Signature{"\x89PNG"sv, 0, decode_png, ""},
    Signature{"BM"sv, 0, decode_bmp, ""},
    Signature{"GIF8"sv, 0, decode_gif, ""},
    Signature{"8BPS"sv, 0, decode_psd, ""},
    Signature{"#?RADIANCE\n"sv, 0, decode_hdr, ""},
    Signature{"#?RGBE\n"sv, 0, decode_hdr, ""},
    Signature{"WEBP"sv, 8, decode_webp, ""},
    Signature{"II*\0"sv, 0, decode_tiff, ""},
    Signature{"MM\0*"sv, 0, decode_tiff, ""},
    Signature{"II+\0"sv, 0, decode_tiff, ""},
    Signature{"MM\0+"sv, 0, decode_tiff, ""},
    Signature{kNpyMagic, 0, decode_npy, ""},
    Signature{"ftypavif"sv, 4, nullptr, "an AVIF"},
    Signature{"ftypavis"sv, 4, nullptr, "an AVIF"},
    Signature{"ftyphei"sv, 4, nullptr, "a HEIF"},
    Signature{"ftypmif1"sv, 4, nullptr, "a HEIF"},
    Signature{"\0\0\0\x0CjP  "sv, 0, nullptr, "a JPEG 2000"},
    Signature{"\xFF\x4F\xFF\x51"sv, 0, nullptr, "a JPEG 2000"},
    Signature{"\0\0\0\x0CJXL "sv, 0, nullptr, "a JPEG XL"},
    Signature{"\xFF\x0A"sv, 0, nullptr, "a JPEG XL"},
    Signature{"\0\0\1\0"sv, 0, nullptr, "an ICO"},
    Signature{"P7\n"sv, 0, nullptr, "a PAM"},
    Signature{"PF\n"sv, 0, nullptr, "a PFM"},
    Signature{"Pf\n"sv, 0, nullptr, "a PFM"},
    Signature{"qoif"sv, 0, nullptr, "a QOI"},
    Signature{"\x76\x2F\x31\x01"sv, 0, nullptr, "an OpenEXR"},
    Signature{"DDS "sv, 0, nullptr, "a DDS"},
};

bool matches(Bytes bytes, const Signature& signature) {
    return bytes.size() >= signature.at + signature.bytes.size() &&
           std::memcmp(bytes.data() + signature.at, signature.bytes.data(), signature.bytes.size()) == 0;
}

Image decode_by_signature(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    check(!bytes.empty(), "{}: the file is empty", name);
    for (const Signature& signature : kSignatures) {
        if (!matches(bytes, signature)) continue;
        check(signature.decode != nullptr, "{}: {} file, which this program does not read; convert it to JPEG or PNG",
              name, signature.kind);
        return signature.decode(bytes, name, options);
    }
    if (is_pnm(bytes)) return decode_pnm(bytes, name, options);
    check(is_tga(bytes, name), "{}: not an image (JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, PSD, HDR and TGA are read)",
          name);
    return decode_tga(bytes, name, options);
}

/// Who reads samples as they are, of formats that may have any number of channels; null for the others.
Decoder decoder_of_samples(Bytes bytes) {
    for (const Signature& signature : kSignatures) {
        if (!matches(bytes, signature)) continue;
        return signature.decode == decode_tiff  ? decode_tiff_samples
               : signature.decode == decode_npy ? decode_npy
                                                : nullptr;
    }
    return nullptr;
}

/// RGB as --channels asks for it.
Image with_channels(Image image, const std::string& name, int64_t channels) {
    if (channels == 0 || channels == 3) return image;
    check(channels == 1, "{}: a file of 3 channels, --channels asks for {}, which TIFF and .npy files may have", name,
          channels);
    return grey_of(image);
}

ScaledImage decode(Bytes bytes, const std::string& name, const ScaleChooser& choose, const DecodeOptions& options) {
    const Decoder of_samples = is_of_colours(options) ? nullptr : decoder_of_samples(bytes);
    if (of_samples != nullptr) {
        Image image = of_samples(bytes, name, options);
        const int64_t H = image.H, W = image.W;
        return {std::move(image), H, W, 8};
    }
    const Orientation orientation = options.exif == Exif::honour ? exif_orientation(bytes) : kAsStored;
    if (is_jpeg(bytes)) {
        const bool turns = turns_sides(orientation);
        const ScaleChooser of_stored = [&](int64_t H, int64_t W) { return turns ? choose(W, H) : choose(H, W); };
        ScaledImage scaled = decode_jpeg(bytes, name, of_stored, options);
        scaled.image = with_channels(oriented(std::move(scaled.image), orientation), name, options.channels);
        if (turns) std::swap(scaled.full_H, scaled.full_W);
        return scaled;
    }
    ScaledImage scaled = {
        with_channels(oriented(decode_by_signature(bytes, name, options), orientation), name, options.channels), 0, 0,
        8};
    scaled.full_H = scaled.image.H;
    scaled.full_W = scaled.image.W;
    return scaled;
}

}  // namespace

ScaledImage decode_scaled(std::span<const uint8_t> bytes, const std::string& name, const ScaleChooser& choose,
                          const DecodeOptions& options) {
    try {
        return decode(bytes, name, choose, options);
    } catch (const std::bad_alloc&) {
        fail("{}: not enough memory to decode the image; a smaller --max-pixels (now {}) refuses it before", name,
             options.max_pixels);
    }
}

Image decode_image(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
    return decode_scaled(
               bytes, name, [](int64_t, int64_t) { return 8; }, options)
        .image;
}

}  // namespace moco

#include "cuda/conv2d_choices.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>
#include <sstream>
#include <tuple>
#include <vector>

#include "core/conv_algorithm.h"
#include "core/error.h"

namespace moco::cuda {
namespace {

constexpr std::array<std::string_view, 3> kPasses = {"forward", "backward-data", "backward-weight"};
constexpr std::array<std::string_view, 3> kPrecisions = {"f32", "tf32", "bf16"};
constexpr std::array<std::string_view, 4> kMaths = {"DEFAULT", "TENSOR_OP", "TENSOR_OP_ALLOW_CONVERSION", "FMA"};
constexpr std::array<std::string_view, 8> kForward = {
    "IMPLICIT_GEMM", "IMPLICIT_PRECOMP_GEMM", "GEMM", "DIRECT", "FFT", "FFT_TILING", "WINOGRAD", "WINOGRAD_NONFUSED"};
constexpr std::array<std::string_view, 6> kBackwardData = {"ALGO_0",     "ALGO_1",   "FFT",
                                                           "FFT_TILING", "WINOGRAD", "WINOGRAD_NONFUSED"};
constexpr std::array<std::string_view, 7> kBackwardWeight = {
    "ALGO_0", "ALGO_1", "FFT", "ALGO_3", "WINOGRAD", "WINOGRAD_NONFUSED", "FFT_TILING"};

std::span<const std::string_view> algorithm_names(ConvPass pass) {
    switch (pass) {
        case ConvPass::forward:
            return kForward;
        case ConvPass::backward_data:
            return kBackwardData;
        case ConvPass::backward_weight:
            break;
    }
    return kBackwardWeight;
}

template <typename E>
std::string_view name_in(std::span<const std::string_view> names, E value) {
    return names[static_cast<size_t>(value)];
}

/// Throws Error unless `name` is one of `names`.
int index_in(std::span<const std::string_view> names, std::string_view name) {
    for (size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return static_cast<int>(i);
    }
    fail("'{}' is none of {}", name, fmt::join(names, ", "));
}

/// "2x5x7x3" of {2, 5, 7, 3}, and back. Throws Error unless there are as many numbers, none negative.
template <size_t count>
std::array<int64_t, count> extents_from(std::string_view text) {
    std::array<int64_t, count> extents{};
    const char *at = text.data(), *const end = text.data() + text.size();
    for (size_t i = 0; i < count; ++i) {
        const auto [next, error] = std::from_chars(at, end, extents[i]);
        const bool last = i + 1 == count;
        check(error == std::errc() && extents[i] >= 0 && (last ? next == end : next != end && *next == 'x'),
              "'{}' is not {} numbers with x between", text, count);
        at = next + 1;
    }
    return extents;
}

std::string line_of(const ConvKey& key, const ConvChoice& choice) {
    const Conv2dDims& d = key.dims;
    return fmt::format("{} {} {} {}x{}x{}x{} {}x{}x{} {}x{} {} {}\n", name_in(kPasses, key.pass),
                       name_in(kPrecisions, key.precision), name_of(key.wanted), d.N, d.H, d.W, d.IC, d.OC, d.KH, d.KW,
                       d.stride, d.pad, algorithm_name(key.pass, choice.algorithm), name_in(kMaths, choice.math));
}

std::pair<ConvKey, ConvChoice> parsed(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    check(words.size() == 8, "{} words, expected 8", words.size());
    const auto precision = static_cast<Precision>(index_in(kPrecisions, words[1]));
    const auto [N, H, W, IC] = extents_from<4>(words[3]);
    const auto [OC, KH, KW] = extents_from<3>(words[4]);
    const auto [stride, pad] = extents_from<2>(words[5]);
    const ConvKey key = {
        .dims = {N, H, W, IC, OC, KH, KW, stride, pad, precision == Precision::bf16 ? DType::bf16 : DType::f32},
        .pass = static_cast<ConvPass>(index_in(kPasses, words[0])),
        .precision = precision,
        .wanted = conv_algorithm_from_name(words[2])};
    return {key, {index_in(algorithm_names(key.pass), words[6]), index_in(kMaths, words[7])}};
}

}  // namespace

std::strong_ordering ConvKey::operator<=>(const ConvKey& other) const {
    const auto all = [](const ConvKey& key) {
        const Conv2dDims& d = key.dims;
        return std::tuple(key.pass, key.precision, key.wanted, d.N, d.H, d.W, d.IC, d.OC, d.KH, d.KW, d.stride, d.pad,
                          d.dtype);
    };
    return all(*this) <=> all(other);
}

std::string shapes_of(const ConvKey& key) {
    const Conv2dDims& d = key.dims;
    return fmt::format("x {}x{}x{}x{} N,H,W,C; weight {}x{}x{}x{} O,H,W,I; stride {}, pad {}; {}", d.N, d.H, d.W, d.IC,
                       d.OC, d.KH, d.KW, d.IC, d.stride, d.pad, name_in(kPrecisions, key.precision));
}

std::string algorithm_name(ConvPass pass, int algorithm) {
    const auto names = algorithm_names(pass);
    const bool known = algorithm >= 0 && static_cast<size_t>(algorithm) < names.size();
    return known ? std::string(names[static_cast<size_t>(algorithm)]) : fmt::format("algorithm {}", algorithm);
}

const ConvChoice* ConvChoices::find(const ConvKey& key) const {
    const auto found = choices_.find(key);
    return found == choices_.end() ? nullptr : &found->second;
}

std::string ConvChoices::text() const {
    if (choices_.empty()) return {};
    std::string text = place_ + '\n';
    for (const auto& [key, choice] : choices_) text += line_of(key, choice);
    return text;
}

bool ConvChoices::add_text(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::string line;
    if (!std::getline(stream, line)) return true;
    if (line != place_) return false;
    std::vector<std::pair<ConvKey, ConvChoice>> added;
    for (int number = 2; std::getline(stream, line); ++number) {
        try {
            added.push_back(parsed(line));
        } catch (const Error& error) {
            fail("the stored choice of convolution algorithms, line {}: {}", number, error.what());
        }
    }
    for (const auto& [key, choice] : added) add(key, choice);
    return true;
}

}  // namespace moco::cuda

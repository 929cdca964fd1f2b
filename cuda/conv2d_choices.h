// Which algorithm computes which convolution, and that as text: a checkpoint stores it, so that a resumed run computes
// with the same algorithms, to the same bits.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <string_view>

#include "core/dims.h"

namespace moco::cuda {

/// The three convolutions of a training step.
enum class ConvPass { forward, backward_data, backward_weight };

/// What an algorithm is chosen for.
struct ConvKey {
    Conv2dDims dims;
    ConvPass pass = ConvPass::forward;
    Precision precision = Precision::f32;  // bf16 exactly where dims.dtype is
    ConvAlgorithm wanted = ConvAlgorithm::auto_select;

    bool operator==(const ConvKey&) const = default;
    std::strong_ordering operator<=>(const ConvKey& other) const;
};

/// An algorithm of the pass and its math type, by cuDNN's numbers.
struct ConvChoice {
    int algorithm = 0;
    int math = 0;
    bool operator==(const ConvChoice&) const = default;
};

/// "x 128x16x16x32 N,H,W,C; weight 64x3x3x32 O,H,W,I; stride 1, pad 1; tf32"
std::string shapes_of(const ConvKey& key);
/// cuDNN's name of an algorithm without the part that all of its pass share: "IMPLICIT_GEMM".
std::string algorithm_name(ConvPass pass, int algorithm);

class ConvChoices {
  public:
    /// `place` says where the choices hold: the library and the device, "cuDNN 9.19.0 on sm_90".
    explicit ConvChoices(std::string place) : place_(std::move(place)) {}

    /// Null where nothing was chosen yet. Valid while this is.
    const ConvChoice* find(const ConvKey& key) const;
    void add(const ConvKey& key, ConvChoice choice) { choices_.insert_or_assign(key, choice); }
    size_t count() const { return choices_.size(); }

    /// The place, then a line for each choice, in a fixed order. Empty if there are none.
    std::string text() const;
    /// Adds what text() wrote. False, adding nothing, if that was in another place: there another cuDNN or device may
    /// lack the algorithms, or compute other bits by them anyway. Throws Error, naming the line, if it cannot be read.
    bool add_text(std::string_view text);

  private:
    std::string place_;
    std::map<ConvKey, ConvChoice> choices_;
};

}  // namespace moco::cuda

// CKA between all layers as a picture.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "moco/data/image.h"
#include "moco/study/layer_similarity.h"

namespace moco {

/// A row and a column a layer, from the images up, network beside network with a gap between them: blocks on the
/// diagonal are a network within itself, those beside it two networks. The darker, the more alike; a value below 0
/// counts as 0, what is not a number is grey. Where there is room cells hold their values. `names`: of the networks;
/// `title`: a line above. Of many layers only some are named.
Image cka_picture(const LayerSimilarity& similarity, const std::vector<std::string>& names, const std::string& title);

/// The colour of a value.
std::array<uint8_t, 3> cka_colour(double value);

}  // namespace moco

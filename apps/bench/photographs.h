// JPEG files that cost a decoder what photographs cost, for where no folder of them is given.
#pragma once

#include <cstdint>
#include <filesystem>

namespace moco::apps {

/// Writes `count` drawn RGB images of H x W into `folder` (made where it is missing), 00000.jpg and on, always the
/// same: noise on all scales, the finer the weaker, at quality 90. Throws Error naming the file that cannot be written.
void write_photographs(const std::filesystem::path& folder, int64_t count, int64_t H, int64_t W);

}  // namespace moco::apps

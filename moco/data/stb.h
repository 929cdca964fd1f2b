// stb_image and stb_image_write, with this project's choice of formats. Included by stb_decoder.cpp, png.cpp and
// stb.cpp only.
#pragma once

#include <string>

// What no library of its own reads; docs/file-formats.md has the list.
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_ONLY_PSD
#define STBI_ONLY_HDR
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STBI_WRITE_NO_STDIO
#include <stb_image.h>
#include <stb_image_write.h>

namespace moco {

/// Why this thread's last decoding by stb failed, or "no reason is given": some failures set none, and what is set
/// stays until the next. Forgets it.
std::string take_stb_failure();

}  // namespace moco

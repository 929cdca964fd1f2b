// stb_image and stb_image_write, with this project's choice of formats. Included by decode.cpp, png.cpp and stb.cpp
// only.
#pragma once

// Formats that a few first bytes identify. JPEG is libjpeg-turbo's; TGA has no signature, so that any bytes may pass.
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_WRITE_NO_STDIO
#include <stb_image.h>
#include <stb_image_write.h>

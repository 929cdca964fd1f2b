// The one place where stb's implementations are compiled.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include "moco/data/stb.h"

namespace moco {

std::string take_stb_failure() {
    const char* reason = stbi_failure_reason();
    stbi__g_failure_reason = nullptr;
    return reason == nullptr || *reason == '\0' ? "no reason is given" : reason;
}

}  // namespace moco

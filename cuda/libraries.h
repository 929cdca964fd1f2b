// Where cuBLAS and cuDNN come from.
#pragma once

namespace moco::cuda {

/// Before the first call of either library. In the program they are hundreds of megabytes that only --device cuda
/// needs: this loads them (cuda/lazy/). Test programs link them, and this does nothing. Throws Error, in one sentence,
/// when a library is missing.
void load_libraries();

}  // namespace moco::cuda

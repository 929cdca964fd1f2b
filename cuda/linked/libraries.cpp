// cuBLAS and cuDNN are linked: there is nothing to load.
#include "cuda/libraries.h"

namespace moco::cuda {

void load_libraries() {}

}  // namespace moco::cuda

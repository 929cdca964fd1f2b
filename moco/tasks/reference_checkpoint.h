// A checkpoint that the reference code (facebookresearch/moco) resumes from.
#pragma once

#include <vector>

#include "moco/interchange/python_value.h"
#include "moco/tasks/convert.h"
#include "moco/tasks/weights.h"

namespace moco {

/// {epoch, arch, state_dict, optimizer} of a checkpoint of `moco pretrain`: both encoders, queue, pointer and the
/// momenta of SGD, numbered as torch.optim numbers the parameters of both encoders. Of other files, and stripped:
/// {epoch, arch, state_dict} with `encoder_q` alone, the items of module.encoder_q.*.
PythonValue reference_checkpoint(std::vector<TensorItem> encoder_q, const NetworkFile& from,
                                 const ConvertOptions& options);

}  // namespace moco

// moco pretrain: the method.
#include "apps/commands.h"
#include "apps/training.h"
#include "moco/study/diagnostics.h"
#include "moco/tasks/pretraining.h"

namespace moco::apps {

void add_pretrain(const Command& app) {
    add_training<Pretraining>(
        app,
        "Pretrain an encoder with Momentum Contrast.\n"
        "Settings come in layers: default < --preset < --config FILE < flags. The effective ones are written to\n"
        "config.toml in the run folder, beside metrics.jsonl, a TensorBoard file and the checkpoints (both encoders,\n"
        "torchvision's names).");
}

}  // namespace moco::apps

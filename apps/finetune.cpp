// moco finetune: a trained encoder learns on, with labels.
#include "moco/tasks/finetune.h"
#include "apps/commands.h"
#include "apps/training.h"

namespace moco::apps {

void add_finetune(const Command& app) {
    add_training<Finetune>(app,
                           "Train a whole network with labels, all or a few of them, from a pretrained encoder.\n"
                           "The results lie in RUN/eval/finetune/ of the encoder's run.");
}

}  // namespace moco::apps

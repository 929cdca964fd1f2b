// moco supervised: what features learned without labels are held against.
#include "moco/tasks/supervised.h"
#include "apps/commands.h"
#include "apps/training.h"

namespace moco::apps {

void add_supervised(const Command& app) {
    add_training<Supervised>(app,
                             "Train an encoder and a linear classifier with labels, by cross-entropy.\n"
                             "Settings and run folder are as those of moco pretrain; eval/supervised/ in it holds the\n"
                             "accuracy on the test part.");
}

}  // namespace moco::apps

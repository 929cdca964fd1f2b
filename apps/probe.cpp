// moco probe: a linear classifier on frozen features.
#include "moco/tasks/probe.h"
#include "apps/commands.h"
#include "apps/training.h"

namespace moco::apps {

void add_probe(const Command& app) {
    add_training<Probe>(
        app,
        "Train a linear classifier on the features of a frozen encoder.\n"
        "The protocol by which the paper judges features. Several learning rates train as many heads at once;\n"
        "the best is chosen on images held out from training. Results lie in RUN/eval/probe/ of the encoder's run.");
}

}  // namespace moco::apps

// moco probe: a linear classifier on frozen features.
#include "moco/tasks/probe.h"
#include "apps/commands.h"
#include "apps/training.h"

namespace moco::apps {

void add_probe(const Command& app) {
    add_training<Probe>(
        app,
        "Train a linear classifier on the features of a frozen encoder: the protocol by which the paper\n"
        "judges them. Several learning rates train as many heads at once; the best is chosen on images\n"
        "held out from training. The results lie in RUN/eval/probe/ of the encoder's run.");
}

}  // namespace moco::apps

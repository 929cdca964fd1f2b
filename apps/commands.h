// The subcommands of `moco`. Each of these adds one to `app`, with its flags, its help and what it does.
#pragma once

#include "apps/command.h"

namespace moco::apps {

void add_plot(const Command& app);
void add_pretrain(const Command& app);
void add_probe(const Command& app);
void add_finetune(const Command& app);
void add_supervised(const Command& app);
void add_predict(const Command& app);
void add_ablate(const Command& app);
void add_views(const Command& app);
void add_knn(const Command& app);
void add_recipe(const Command& app);
void add_features(const Command& app);
void add_neighbours(const Command& app);
void add_info(const Command& app);
void add_convert(const Command& app);
void add_diff(const Command& app);
void add_compare(const Command& app);
void add_bench(const Command& app);

}  // namespace moco::apps

// The subcommands of `moco`. Each of these adds one to `app`, with its flags, its help and what it does.
#pragma once

#include <CLI/CLI.hpp>

namespace moco::apps {

void add_pretrain(CLI::App& app);
void add_views(CLI::App& app);
void add_knn(CLI::App& app);
void add_features(CLI::App& app);
void add_neighbours(CLI::App& app);
void add_info(CLI::App& app);
void add_bench(CLI::App& app);

}  // namespace moco::apps

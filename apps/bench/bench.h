// The subcommands of `moco bench`, and the flags they share.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

namespace moco::apps {

void add_bench_step(CLI::App& group);
void add_bench_conv(CLI::App& group);
void add_bench_ops(CLI::App& group);
void add_bench_loader(CLI::App& group);

/// A whole number with its default in `--help`.
CLI::Option* add_number(CLI::App& command, const char* flag, int64_t& value, const char* help);
/// --conv auto|direct|winograd.
void add_conv_flag(CLI::App& command, std::string& conv);
/// --precision f32|tf32|bf16.
void add_precision_flag(CLI::App& command, std::string& precision);

}  // namespace moco::apps

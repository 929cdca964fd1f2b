// The subcommands of `moco bench`, and the flags they share.
#pragma once

#include <cstdint>
#include <string>

#include "apps/command.h"
#include "moco/train/settings/run.h"
#include "nn/encoder.h"

namespace moco::apps {

void add_bench_step(const Command& group);
void add_bench_classifier(const Command& group);
void add_bench_conv(const Command& group);
void add_bench_ops(const Command& group);
void add_bench_loader(const Command& group);
void add_bench_search(const Command& group);

/// A whole number with its default in `--help`.
Option add_number(const Command& command, const char* flag, int64_t& value, const char* help);
/// --arch, --width, --stem, --channels.
void add_network_flags(const Command& command, EncoderConfig& network, std::string& stem);
/// --conv auto|direct|winograd.
void add_conv_flag(const Command& command, std::string& conv);
/// --precision f32|tf32|bf16.
void add_precision_flag(const Command& command, std::string& precision);
/// What the two flags set. Throws Error naming the flag.
RunSettings run_settings(const std::string& conv, const std::string& precision);

}  // namespace moco::apps

// moco bench: how fast this machine is at what training does.
#include "apps/bench/bench.h"

#include "apps/commands.h"

namespace moco::apps {

CLI::Option* add_number(CLI::App& command, const char* flag, int64_t& value, const char* help) {
    return command.add_option(flag, value, help)->type_name("N")->capture_default_str();
}

void add_conv_flag(CLI::App& command, std::string& conv) {
    command.add_option("--conv", conv, "how convolutions are computed; auto: what is faster for the shape")
        ->type_name("auto|direct|winograd")
        ->capture_default_str();
}

void add_precision_flag(CLI::App& command, std::string& precision) {
    command.add_option("--precision", precision, "what is computed in; bf16: activations of 16 bits; tf32: sm_80 only")
        ->type_name("f32|tf32|bf16")
        ->capture_default_str();
}

void add_bench(CLI::App& app) {
    CLI::App* group = app.add_subcommand("bench", "Measure how fast this machine is at what training does.");
    group->require_subcommand(1);
    add_bench_step(*group);
    add_bench_conv(*group);
    add_bench_ops(*group);
    add_bench_loader(*group);
}

}  // namespace moco::apps

// moco bench: how fast this machine is at what training does.
#include "apps/bench/bench.h"

#include "apps/commands.h"

namespace moco::apps {

Option add_number(const Command& command, const char* flag, int64_t& value, const char* help) {
    return command.option(flag, value, help).takes("N");
}

void add_network_flags(const Command& command, EncoderConfig& network, std::string& stem) {
    command.option("-a,--arch", network.arch, "architecture: resnet18, 34, 50, 101 or 152").takes("NAME");
    add_number(command, "--width", network.width, "channels of the first stage");
    command.option("--stem", stem, "imagenet (7x7 stride 2, max-pool), cifar (3x3 stride 1) or cifar-s2 (3x3 stride 2)")
        .takes("NAME");
    add_number(command, "--channels", network.in_channels, "channels of the images");
}

void add_conv_flag(const Command& command, std::string& conv) {
    command.option("--conv", conv, "how convolutions are computed; auto: what is faster for the shape")
        .takes("auto|direct|winograd");
}

void add_precision_flag(const Command& command, std::string& precision) {
    command.option("--precision", precision, "what is computed in; bf16: activations of 16 bits; tf32: sm_80 only")
        .takes("f32|tf32|bf16");
}

RunSettings run_settings(const std::string& conv, const std::string& precision) {
    RunSettings run;
    run.conv = conv;
    run.precision = precision;
    validate(run);
    return run;
}

void add_bench(const Command& app) {
    const Command group = app.subcommand("bench", "Measure how fast this machine is at what training does.");
    group.require_subcommand();
    add_bench_step(group);
    add_bench_classifier(group);
    add_bench_conv(group);
    add_bench_ops(group);
    add_bench_loader(group);
    add_bench_search(group);
}

}  // namespace moco::apps

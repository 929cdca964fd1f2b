// The program `moco`.
//
// Exit codes: 0 done; 1 something failed, said in one sentence on stderr; 2 the command line could not be understood.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <new>

#include "apps/commands.h"
#include "apps/help.h"
#include "apps/suggest.h"
#include "core/error.h"
#include "core/parallel.h"

namespace moco::apps {
namespace {

constexpr const char* kFooter =
    "Begin with:\n"
    "  moco views --data fashion-mnist --preset fashion --out views.png\n"
    "  moco pretrain --data fashion-mnist --preset fashion --out runs/first\n"
    "  moco knn --data fashion-mnist --checkpoint runs/first/checkpoint-last.safetensors";

/// Whatever was printed has to arrive: a full disk behind a redirected stdout is a failure too.
void flush_output() {
    check(std::fflush(stdout) == 0 && std::ferror(stdout) == 0,
          "the output could not be written to the end: is the disk that it goes to full?");
}

int run(int argc, char** argv) {
    CLI::App app("Momentum Contrast (He et al., arXiv:1911.05722) from scratch: unsupervised pretraining of ResNets.",
                 "moco");
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_version_flag("--version", "moco " MOCO_VERSION);
    app.require_subcommand(1);
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    const Command moco(app);
    for (const auto add :
         {add_pretrain, add_supervised, add_views, add_knn, add_features, add_neighbours, add_info, add_bench})
        add(moco);
    app.footer(kFooter);  // last: subcommands inherit what was set before they were added
    try {
        app.parse(argc, argv);
        flush_output();
        return 0;
    } catch (const CLI::Success& help_or_version) {
        app.exit(help_or_version);
        flush_output();
        return 0;
    } catch (const CLI::ParseError& error) {
        fmt::print(stderr, "{}\n", parse_error_sentence(app, error));
        return 2;
    }
}

}  // namespace
}  // namespace moco::apps

int main(int argc, char** argv) {
    try {
        moco::flush_denormals();
        return moco::apps::run(argc, argv);
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "moco: out of memory; a smaller --batch-size, --width or --moco-k needs less\n");
    } catch (const std::exception& error) {
        fmt::print(stderr, "moco: {}\n", error.what());
    }
    return 1;
}

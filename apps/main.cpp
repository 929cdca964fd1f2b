// The program `moco`.
//
// Exit codes: 0 done; 1 something failed, said in one sentence on stderr; 2 the command line could not be understood;
// 75 a run was stopped by a signal and is saved, `--resume` goes on with it.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "apps/commands.h"
#include "apps/help.h"
#include "apps/output.h"
#include "apps/suggest.h"
#include "core/parallel.h"

namespace moco::apps {
namespace {

constexpr const char* kFooter =
    "Begin with:\n"
    "  moco views --data fashion-mnist --preset fashion --out views.png\n"
    "  moco pretrain --data fashion-mnist --preset fashion --out runs/first\n"
    "  moco knn --data fashion-mnist --checkpoint runs/first/checkpoint-last.safetensors\n"
    "`moco help COMMAND` tells more.";

bool asks_for_help(const std::vector<std::string>& words) {
    return !words.empty() && words.front() == "help";
}

/// `moco help pretrain` is `moco pretrain --help`.
std::vector<std::string> without_help_command(std::vector<std::string> words) {
    if (!asks_for_help(words)) return words;
    words.erase(words.begin());
    words.push_back("--help");
    return words;
}

int run(const std::vector<std::string>& given) {
    const std::vector<std::string> words = without_help_command(given);
    CLI::App app("Momentum Contrast (He et al., arXiv:1911.05722) from scratch: unsupervised pretraining of ResNets.",
                 "moco");
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_version_flag("--version", "moco " MOCO_VERSION);
    app.require_subcommand(1);
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    const Command moco(app);
    for (const auto add :
         {add_pretrain, add_probe, add_finetune, add_supervised, add_predict, add_recipe, add_ablate, add_plot,
          add_views, add_knn, add_features, add_neighbours, add_info, add_convert, add_diff, add_compare, add_bench})
        add(moco);
    app.footer(kFooter);  // last: subcommands inherit what was set before they were added
    try {
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes the last word first
        flush_output();
        return exit_status();
    } catch (const CLI::Success& help_or_version) {
        if (asks_for_help(given) && !app.remaining(true).empty()) {  // of a command that there is not
            print_if_possible(stderr, parse_error_sentence(app, help_or_version, words) + "\n");
            return 2;
        }
        app.exit(help_or_version);
        flush_output();
        return 0;
    } catch (const CLI::ParseError& error) {
        print_if_possible(stderr, parse_error_sentence(app, error, words) + "\n");
        return 2;
    }
}

/// A failure, told; the status to end with. That of a run that was stopped and saved stands.
int failed(std::string_view sentence) {
    print_if_possible(stderr, fmt::format("moco: {}\n", sentence));
    return exit_status() != 0 ? exit_status() : 1;
}

/// {fmt} throws what the system says of an output that cannot be written.
int failed(const std::system_error& error) {
    const int code = error.code().value();
    if (dynamic_cast<const std::filesystem::filesystem_error*>(&error) != nullptr) return failed(error.what());
    if (reader_is_gone(code)) return exit_status();
    return failed(code == ENOSPC || code == EFBIG || code == EDQUOT ? output_failure(code) : error.what());
}

}  // namespace
}  // namespace moco::apps

int main(int argc, char** argv) {
    using namespace moco::apps;
    guard_output();
    try {
        moco::flush_denormals();
        return run({argv + 1, argv + argc});
    } catch (const std::bad_alloc&) {
        return failed("out of memory; a smaller batch, network or queue needs less");
    } catch (const std::system_error& error) {
        return failed(error);
    } catch (const std::exception& error) {
        return failed(error.what());
    }
}

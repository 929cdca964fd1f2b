// What somebody who mistyped a flag most likely meant.
#include "apps/suggest.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/reference_command.h"
#include "moco/train/settings/table.h"

namespace moco::apps {
namespace {

/// The innermost subcommand that was named.
const CLI::App* selected(const CLI::App* app) {
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    return app;
}

/// "moco pretrain"
std::string full_name(const CLI::App* app) {
    if (app->get_parent() == nullptr) return app->get_name();
    return full_name(app->get_parent()) + " " + app->get_name();
}

/// Without dashes.
std::vector<std::string> flags_of(const CLI::App& app) {
    std::vector<std::string> flags;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) flags.push_back(name);
        for (const std::string& name : option->get_fnames()) flags.push_back(name);
    }
    return flags;
}

std::vector<std::string> subcommands_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
    return names;
}

std::string unknown_argument_sentence(const CLI::App& command, const std::string& given) {
    const std::string name = full_name(&command);
    if (given.starts_with("-")) {
        const std::string flag = given.substr(0, given.find('='));
        const std::string near =
            nearest(flag.substr(std::min(flag.find_first_not_of('-'), flag.size())), flags_of(command));
        if (!near.empty()) return fmt::format("{} has no flag {}: did you mean --{}?", name, flag, near);
        return fmt::format("{} has no flag {}: see {} --help", name, flag, name);
    }
    const std::vector<std::string> subcommands = subcommands_of(command);
    if (subcommands.empty()) return fmt::format("{} does not take the argument '{}': see {} --help", name, given, name);
    const std::string near = nearest(given, subcommands);
    if (!near.empty()) return fmt::format("{} has no subcommand '{}': did you mean {}?", name, given, near);
    return fmt::format("{} has no subcommand '{}': it has {}", name, given, fmt::join(subcommands, ", "));
}

}  // namespace

std::string parse_error_sentence(const CLI::App& app, const CLI::ParseError& error,
                                 const std::vector<std::string>& words) {
    const CLI::App* command = selected(&app);
    // A mistyped flag is the cause more often than what CLI11 complains of first (a required flag that is missing).
    const std::vector<std::string> unknown = app.remaining(true);
    const std::string reference = reference_command_sentence(*command, words, unknown);
    if (!reference.empty()) return reference;
    if (!unknown.empty()) return unknown_argument_sentence(*command, unknown.front());
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !subcommands_of(*command).empty()) {
        const std::string name = full_name(command);
        return fmt::format("{} needs a subcommand: {}; see {} --help", name, fmt::join(subcommands_of(*command), ", "),
                           name);
    }
    const std::string what = error.what();
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
        const std::string flag = what.substr(0, what.find(':'));
        if (what.find("At Most") != std::string::npos) {
            return fmt::format("{}: {} is given more than once, expected one", full_name(command), flag);
        }
        return fmt::format("{}: {} needs a value", full_name(command), flag);
    }
    if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
        return fmt::format("{}: {} is not a value it takes", full_name(command), what.substr(what.find('-')));
    }
    return fmt::format("{}: {}", full_name(command), what);
}

}  // namespace moco::apps

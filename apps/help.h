// How `--help` looks.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace moco::apps {

/// Two columns, the second one wrapped to 100 columns, with an option's default in brackets at its end.
class HelpFormatter final : public CLI::Formatter {
  public:
    HelpFormatter();
    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
    std::string make_option(const CLI::Option* option, bool is_positional) const override;
    std::string make_usage(const CLI::App* app, std::string name) const override;
    std::string make_subcommand(const CLI::App* sub) const override;
};

/// `text` broken into lines of at most `width` columns; all but the first are indented by `indent` spaces.
std::string wrapped(const std::string& text, size_t indent, size_t width);

}  // namespace moco::apps

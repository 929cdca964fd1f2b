// How `--help` looks.
#include "apps/help.h"

#include <sstream>
#include <utility>

namespace moco::apps {
namespace {

constexpr size_t kWidth = 100;
constexpr size_t kNameColumn = 30;

/// Name in the left column, text in the right one; a long name gets a line of its own.
std::string two_columns(const std::string& name, const std::string& text) {
    std::string line = "  " + name;
    if (text.empty()) return line + "\n";
    line.append(line.size() + 2 > kNameColumn ? "\n" + std::string(kNameColumn, ' ')
                                              : std::string(kNameColumn - line.size(), ' '));
    return line + wrapped(text, kNameColumn, kWidth) + "\n";
}

}  // namespace

std::string wrapped(const std::string& text, size_t indent, size_t width) {
    std::istringstream words(text);
    std::string result;
    size_t column = indent;
    for (std::string word; words >> word;) {
        if (column > indent && column + 1 + word.size() > width) {
            result += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            result += ' ';
            ++column;
        }
        result += word;
        column += word.size();
    }
    return result;
}

HelpFormatter::HelpFormatter() {
    column_width(kNameColumn);
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
    std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
    for (size_t at; (at = help.find("\n\n\n")) != std::string::npos;) help.erase(at, 1);
    while (help.ends_with("\n\n")) help.pop_back();
    return help;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
    std::string name = make_option_name(option, is_positional);
    // CLI11 writes an on/off flag as --name,--no-name{false}.
    if (const size_t off = name.find(",--no-"); off != std::string::npos) name = "--[no-]" + name.substr(2, off - 2);
    if (option->get_type_size() != 0 && !is_positional) {
        name += " " + option->get_type_name();
        if (option->get_expected_max() > 1 && !name.ends_with("...")) name += " ...";
    }
    std::string text = make_option_desc(option);
    if (option->get_required()) text += " (required)";
    if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
    return two_columns(name, text);
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
    return "\n" + CLI::Formatter::make_usage(app, std::move(name));
}

std::string HelpFormatter::make_subcommand(const CLI::App* sub) const {
    // The first sentence of the description is the summary.
    const std::string description = sub->get_description();
    return two_columns(sub->get_name(), description.substr(0, description.find('\n')));
}

}  // namespace moco::apps

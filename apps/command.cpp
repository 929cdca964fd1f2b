// A command line being described, on CLI11.
#include "apps/command.h"

#include <CLI/CLI.hpp>

#include <utility>

namespace moco::apps {
namespace {

template <class Value>
Option with_default(CLI::App& app, const char* names, Value& value, const std::string& help) {
    return Option(*app.add_option(names, value, help)->capture_default_str());
}

}  // namespace

Option Option::takes(const char* what) const {
    option_.type_name(what);
    return *this;
}

Option Option::group(const char* heading) const {
    option_.group(heading);
    return *this;
}

Option Option::required() const {
    option_.required();
    return *this;
}

Option Option::once() const {
    option_.multi_option_policy(CLI::MultiOptionPolicy::Throw);
    return *this;
}

Option Option::excludes(Option other) const {
    option_.excludes(&other.option_);
    return *this;
}

Option Option::when_given(std::function<void()> action) const {
    option_.each([action = std::move(action)](const std::string&) { action(); });
    return *this;
}

Command Command::subcommand(const char* name, const char* description) const {
    return Command(*app_.add_subcommand(name, description));
}

void Command::require_subcommand() const {
    app_.require_subcommand(1);
}

void Command::runs(std::function<void()> run) const {
    app_.callback(std::move(run));
}

void Command::footer(const std::string& text) const {
    app_.footer(text);
}

Option Command::option(const char* names, std::string& value, const std::string& help) const {
    return with_default(app_, names, value, help);
}

Option Command::option(const char* names, std::optional<std::string>& value, const std::string& help) const {
    return Option(*app_.add_option(names, value, help));
}

Option Command::option(const char* names, std::vector<std::string>& values, const std::string& help) const {
    return Option(*app_.add_option(names, values, help));
}

Option Command::option(const char* names, int& value, const std::string& help) const {
    return with_default(app_, names, value, help);
}

Option Command::option(const char* names, int64_t& value, const std::string& help) const {
    return with_default(app_, names, value, help);
}

Option Command::option(const char* names, float& value, const std::string& help) const {
    return with_default(app_, names, value, help);
}

Option Command::flag(const char* names, bool& on, const std::string& help) const {
    return Option(*app_.add_flag(names, on, help));
}

}  // namespace moco::apps

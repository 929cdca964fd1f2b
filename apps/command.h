// A command line being described: the little of CLI11 that commands need. Its header takes seconds to compile, so that
// only the files that parse, and that print help, include it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace moco::apps {

/// One option of a command. A handle: copies mean the same option, which lives as long as the program's command line.
class Option {
  public:
    explicit Option(CLI::Option& option) : option_(option) {}

    /// What stands behind the option's name in `--help`: "N", "FILE".
    Option takes(const char* what) const;
    /// The heading that `--help` lists it under.
    Option group(const char* heading) const;
    Option required() const;
    /// Refuses command lines that give it twice; of other options the last one counts.
    Option once() const;
    /// Refuses command lines that give both.
    Option excludes(Option other) const;
    /// Calls `action` when the command line gives this option.
    Option when_given(std::function<void()> action) const;

  private:
    CLI::Option& option_;
};

/// A command that is being given its options. A handle, as Option is. A `names` is "-b,--batch", or "what" for an
/// argument without a name; `help` one phrase. What an option sets must outlive the parse; what it holds before is the
/// default, which `--help` shows unless it is empty.
class Command {
  public:
    explicit Command(CLI::App& app) : app_(app) {}

    Command subcommand(const char* name, const char* description) const;
    /// Refuses a command line without one of the subcommands.
    void require_subcommand() const;
    /// Calls `run` once the command line is read, if it names this command.
    void runs(std::function<void()> run) const;
    /// Text at the end of `--help`.
    void footer(const std::string& text) const;

    Option option(const char* names, std::string& value, const std::string& help) const;
    Option option(const char* names, std::optional<std::string>& value, const std::string& help) const;
    /// Takes one or several.
    Option option(const char* names, std::vector<std::string>& values, const std::string& help) const;
    Option option(const char* names, int& value, const std::string& help) const;
    Option option(const char* names, int64_t& value, const std::string& help) const;
    Option option(const char* names, float& value, const std::string& help) const;
    /// An option without a value, which sets `on`.
    Option flag(const char* names, bool& on, const std::string& help) const;

    /// For what only CLI11 can do.
    CLI::App& parser() const { return app_; }

  private:
    CLI::App& app_;
};

}  // namespace moco::apps

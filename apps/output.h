// What is printed, and what becomes of it where nobody listens any more.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace moco::apps {

/// What moco ends with, as far as nothing fails: 0 until this sets another status.
void end_with(int status);
int exit_status();

/// What moco ends with besides 0, 1 and 2 (main.cpp): the run was stopped, and `--resume` goes on with it. It is
/// sysexits' EX_TEMPFAIL, which schedulers take for "try again".
inline constexpr int kTryAgain = 75;

/// Descriptors 0, 1 and 2 are open from now on (on /dev/null where they were closed), so that no file of ours gets
/// their numbers and with them what is printed. Writing to a pipe without a reader, or beyond the limit of a file's
/// size, is an error from now on, and no signal.
void guard_output();

/// Prints at once what may get lost: a run goes on when its terminal is closed, its pipe has no reader or its disk is
/// full.
void print_if_possible(std::FILE* stream, std::string_view text);

/// Whether `error` (of errno) says that who was to read is gone: `moco ... | head` has had enough.
bool reader_is_gone(int error);

/// Whatever was printed on stdout has to arrive: a full disk behind it is a failure too, by print_if_possible as well.
/// Throws Error then; is content when the reader is gone.
void flush_output();

/// The sentence for an output that cannot be written.
std::string output_failure(int error);

}  // namespace moco::apps

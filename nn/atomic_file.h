// Files that are there whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace moco {

/// Writes `target` beside itself as `target`.tmp and puts it in place with one rename. Until commit() returns, the file
/// that was there before stays as it was; killed at any moment, it leaves at most the .tmp, which the next writer
/// overwrites. A symbolic link stays one: the file that it names is written, and beside that the .tmp. What exists and
/// is no regular file (a device, a pipe) is refused. Every failure (full disk, no permission, no such folder) throws
/// Error with one sentence that names the target and leaves no .tmp. One thread at a time; one writer a target.
class AtomicFile {
  public:
    explicit AtomicFile(std::filesystem::path target);
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    /// Without commit(), removes the .tmp.
    ~AtomicFile();

    void write(const void* bytes, size_t count);
    void write(std::string_view text) { write(text.data(), text.size()); }
    /// Replaces bytes that were written before, the first of them `at` bytes from the beginning.
    void overwrite(size_t at, std::string_view text);
    /// Flushes to the disk, renames, and flushes the folder. Nothing may be written afterwards.
    void commit();

  private:
    void flush();
    void write_through(const char* begin, size_t count);
    [[noreturn]] void fail_with(std::string_view doing, int error_number);

    std::filesystem::path target_, file_path_, temporary_;  // as named; behind its links; beside that
    int file_ = -1;
    std::string buffer_;
};

/// The whole file in one call.
void write_file_atomically(const std::filesystem::path& target, std::string_view contents);

}  // namespace moco

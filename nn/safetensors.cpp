#include "nn/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "core/crc32c.h"
#include "core/error.h"
#include "core/stand_in.h"
#include "nn/safetensors_header.h"

namespace moco {

static_assert(std::endian::native == std::endian::little, "safetensors files are little endian, and so must we be");

SafetensorsFile::SafetensorsFile(std::filesystem::path path) {
    path_ = std::move(path);
    file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) {
        const int error_number = errno;
        fail("{} cannot be opened: {}", path_.string(), why_not_opened(path_.string(), error_number));
    }
    try {
        read_header();
    } catch (...) {
        ::close(file_);
        throw;
    }
}

SafetensorsFile::~SafetensorsFile() {
    ::close(file_);
}

namespace {

/// `begin`: the first bytes of a file that is none of ours. Files of torch.save: a zip archive since PyTorch 1.6,
/// pickled objects before.
void check_not_torch(std::string_view begin, const std::string& path) {
    const bool zip = begin.starts_with(std::string_view("PK\3\4")), pickle = begin.starts_with("\x80\x02");
    check(!zip && !pickle,
          "{0} is not a safetensors file but a {1}, as torch.save writes .pth and .pth.tar: `moco convert {0} "
          "weights.safetensors --to safetensors` makes one of it",
          path, zip ? "zip archive" : "pickle");
}

}  // namespace

void SafetensorsFile::read_header() {
    struct stat info = {};
    check(::fstat(file_, &info) == 0 && S_ISREG(info.st_mode), "{} is not a regular file", path_.string());
    const auto size = static_cast<uint64_t>(info.st_size);
    uint64_t length = 0;
    check(size >= sizeof(length),
          "{} is not a safetensors file: it has {} bytes, and the header's length alone takes 8", path_.string(), size);
    read_at(0, &length, sizeof(length));
    std::string start(std::min<uint64_t>(size, 64), '\0');
    read_at(0, start.data(), start.size());
    check_no_pointer(path_.string(), start);
    const bool fits = length <= size - sizeof(length) && length <= kMaxHeaderBytes;
    if (!fits) check_not_torch(start, path_.string());
    check(fits, "{} is not a safetensors file, or truncated: its header would take {} bytes of a file of {}",
          path_.string(), length, size);
    std::string text(length, '\0');
    read_at(sizeof(length), text.data(), length);
    data_begin_ = sizeof(length) + length;

    SafetensorsHeader header = parse_header(text, size - data_begin_, path_.string());
    metadata_ = std::move(header.metadata);
    sums_ = Checksums::in(metadata_, path_.string());
    set_entries(std::move(header.entries));
}

void SafetensorsFile::read_at(uint64_t offset, void* target, size_t bytes) const {
    char* to = static_cast<char*>(target);
    while (bytes > 0) {
        const ssize_t got = ::pread(file_, to, bytes, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int error_number = errno;
            fail("{} cannot be read: {}", path_.string(), std::strerror(error_number));
        }
        check(got > 0, "{} became shorter while it was read: byte {} is missing", path_.string(), offset);
        to += got;
        offset += static_cast<uint64_t>(got);
        bytes -= static_cast<size_t>(got);
    }
}

void SafetensorsFile::read(const TensorEntry& entry, void* target) const {
    read_at(data_begin_ + entry.begin, target, entry.bytes);
    if (sums_) sums_->check_tensor(entry.name, crc32c(target, entry.bytes), path_.string());
}

}  // namespace moco

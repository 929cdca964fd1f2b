#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/stand_in.h"

namespace moco {

MappedFile::MappedFile(const std::string& path, const std::string& remedy) : path_(path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    check(file >= 0, "{} cannot be opened ({}): {}", path, why_not_opened(path, errno), remedy);
    struct stat status = {};
    const bool regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    void* memory = MAP_FAILED;
    if (regular && status.st_size > 0) {
        memory = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_SHARED, file, 0);
    }
    const int error = errno;
    close(file);
    check(regular && status.st_size > 0, "{} is empty or no file: {}", path, remedy);
    check(memory != MAP_FAILED, "{} cannot be read ({}): {}", path, std::strerror(error), remedy);
    data_ = static_cast<const uint8_t*>(memory);
    size_ = static_cast<size_t>(status.st_size);
    try {
        check_no_pointer(path, {reinterpret_cast<const char*>(data_), std::min<size_t>(size_, 64)});
    } catch (...) {
        munmap(memory, size_);
        throw;
    }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
    if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace moco

#include "nn/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "core/bf16.h"
#include "core/bits.h"
#include "core/crc32c.h"
#include "core/error.h"
#include "core/stand_in.h"
#include "nn/safetensors_header.h"

namespace moco {

static_assert(std::endian::native == std::endian::little, "safetensors files are little endian, and so must we be");

namespace {

float float_from_f16(uint16_t bits) {
    const uint32_t sign = (bits & 0x8000u) << 16, exponent = (bits >> 10) & 0x1fu, fraction = bits & 0x3ffu;
    if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
        const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
    return bit_cast<float>(sign | wide << 23 | fraction << 13);
}

/// Elements of type T, each converted.
template <typename T, typename Result, typename Convert>
std::vector<Result> converted(const SafetensorsFile& file, const SafetensorsEntry& entry, Convert convert) {
    std::vector<T> raw(static_cast<size_t>(entry.count()));
    file.read(entry, raw.data());
    std::vector<Result> values(raw.size());
    for (size_t i = 0; i < raw.size(); ++i) values[i] = convert(raw[i]);
    return values;
}

}  // namespace

int64_t SafetensorsEntry::count() const {
    return static_cast<int64_t>(bytes / size_of(dtype));
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path) : path_(std::move(path)) {
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
          "{0} is not a safetensors file but a {1}, as torch.save writes .pth and .pth.tar: in Python, `d = "
          "torch.load('{0}', map_location='cpu')`, then "
          "`safetensors.torch.save_file(d.get('state_dict', d), 'weights.safetensors')`",
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
    entries_ = std::move(header.entries);
    for (size_t i = 0; i < entries_.size(); ++i) index_[entries_[i].name] = i;
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

const SafetensorsEntry* SafetensorsFile::find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second];
}

const SafetensorsEntry& SafetensorsFile::at(const std::string& name) const {
    const SafetensorsEntry* entry = find(name);
    check(entry != nullptr, "{} holds no tensor {}", path_.string(), name);
    return *entry;
}

void SafetensorsFile::read(const SafetensorsEntry& entry, void* target) const {
    read_at(data_begin_ + entry.begin, target, entry.bytes);
    if (sums_) sums_->check_tensor(entry.name, crc32c(target, entry.bytes), path_.string());
}

std::vector<float> SafetensorsFile::read_floats(const SafetensorsEntry& entry) const {
    switch (entry.dtype) {
        case FileDType::f32: {
            std::vector<float> values(static_cast<size_t>(entry.count()));
            read(entry, values.data());
            return values;
        }
        case FileDType::f64:
            return converted<double, float>(*this, entry, [](double value) { return static_cast<float>(value); });
        case FileDType::f16:
            return converted<uint16_t, float>(*this, entry, float_from_f16);
        case FileDType::bf16:
            return converted<uint16_t, float>(*this, entry, bf16_to_float);
        default:
            fail("{}: tensor {} is {}, expected floating point", path_.string(), entry.name, name_of(entry.dtype));
    }
}

std::vector<int64_t> SafetensorsFile::read_integers(const SafetensorsEntry& entry) const {
    const auto widen = [](auto value) { return static_cast<int64_t>(value); };
    switch (entry.dtype) {
        case FileDType::i64:
            return converted<int64_t, int64_t>(*this, entry, widen);
        case FileDType::i32:
            return converted<int32_t, int64_t>(*this, entry, widen);
        case FileDType::u8:
            return converted<uint8_t, int64_t>(*this, entry, widen);
        default:
            fail("{}: tensor {} is {}, expected whole numbers", path_.string(), entry.name, name_of(entry.dtype));
    }
}

}  // namespace moco

#include "nn/safetensors_checksums.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/error.h"

namespace moco {
namespace {

constexpr size_t kDigits = 8;

}  // namespace

std::optional<Checksums> Checksums::in(const Metadata& metadata, const std::string& path) {
    const auto found = metadata.find(kKey);
    if (found == metadata.end()) return std::nullopt;
    Checksums checksums;
    std::istringstream lines(found->second);
    for (std::string line; std::getline(lines, line);) {
        uint32_t sum = 0;
        const char* end = line.data() + std::min(line.size(), kDigits);
        const bool good = line.size() > kDigits && line[kDigits] == ' ' &&
                          std::from_chars(line.data(), end, sum, 16).ptr == line.data() + kDigits;
        check(good, "{} is damaged: its metadata has '{}' among the checksums", path, line);
        checksums.set(line.substr(kDigits + 1), sum);
    }
    return checksums;
}

std::string Checksums::text() const {
    std::string text;
    for (const auto& [name, sum] : sums_) text += fmt::format("{:08x} {}\n", sum, name);
    return text;
}

void Checksums::check_tensor(const std::string& name, uint32_t sum, const std::string& path) const {
    const auto known = sums_.find(name);
    check(known != sums_.end(), "{} is damaged: its metadata has checksums, but none of tensor {}", path, name);
    check(known->second == sum,
          "{} is damaged: tensor {} has the checksum {:08x}, and had {:08x} when it was written; take a copy or an "
          "earlier checkpoint",
          path, name, sum, known->second);
}

}  // namespace moco

// Writing safetensors files.
#include <algorithm>
#include <numeric>
#include <set>

#include "core/crc32c.h"
#include "core/error.h"
#include "nn/atomic_file.h"
#include "nn/safetensors.h"
#include "nn/safetensors_header.h"

namespace moco {
namespace {

/// The items' numbers with wider types first: every tensor then starts at a multiple of its element size, which readers
/// that map the file rely on.
std::vector<size_t> widest_first(const std::vector<TensorItem>& items) {
    std::vector<size_t> order(items.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return size_of(items[a].dtype) > size_of(items[b].dtype); });
    return order;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const Metadata& metadata,
                       const std::vector<TensorItem>& items, WithChecksums with_checksums) {
    SafetensorsHeader header{metadata, {}};
    Checksums sums;
    const std::vector<size_t> order = widest_first(items);
    std::set<std::string> names = {"__metadata__"};
    uint64_t end = 0;
    for (const size_t i : order) {
        const TensorItem& item = items[i];
        check(names.insert(item.name).second, "{} cannot be written: the name {} is taken twice", path.string(),
              item.name);
        header.entries.push_back(
            {item.name, item.dtype, item.shape, end, static_cast<uint64_t>(bytes_of(item.dtype, item.shape))});
        end += header.entries.back().bytes;
        sums.set(item.name, 0);
    }
    header.metadata.erase(Checksums::kKey);  // those of the file that the metadata may come from
    const bool sum_up = with_checksums == WithChecksums::yes;
    if (sum_up) header.metadata[Checksums::kKey] = sums.text();  // zeros; the sums follow, in as many bytes

    AtomicFile file(path);
    const std::string text = header_text(header);
    const uint64_t length = text.size();
    file.write(&length, sizeof(length));
    file.write(text);
    for (size_t place = 0; place < order.size(); ++place) {
        const std::vector<std::byte> elements = items[order[place]].elements();
        const TensorEntry& entry = header.entries[place];
        check(elements.size() == entry.bytes, "{} cannot be written: tensor {} has {} bytes, its shape takes {}",
              path.string(), entry.name, elements.size(), entry.bytes);
        file.write(elements.data(), elements.size());
        if (sum_up) sums.set(entry.name, crc32c(elements.data(), elements.size()));
    }
    if (sum_up) {
        header.metadata[Checksums::kKey] = sums.text();
        file.overwrite(sizeof(length), header_text(header));
    }
    file.commit();
}

}  // namespace moco

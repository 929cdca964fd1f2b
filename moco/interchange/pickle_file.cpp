#include "moco/interchange/pickle_file.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "moco/interchange/pickle.h"
#include "moco/interchange/pickle_globals.h"
#include "moco/interchange/pickle_names.h"

namespace moco {
namespace {

constexpr std::string_view kPickle = "data.pkl", kRemedy = "expected a file of weights";
constexpr uint64_t kLargestPickle = 256 << 20;  // of a zip archive, where it holds no elements
constexpr std::string_view kLegacyMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t kLegacyProtocol = 1001;

std::span<const uint8_t> from(std::span<const uint8_t> bytes, uint64_t begin) {
    return bytes.subspan(std::min<uint64_t>(begin, bytes.size()));
}

bool ends_a_folder(const std::string& name) {
    return name == kPickle || name.ends_with("/data.pkl");
}

}  // namespace

PickleFile::PickleFile(MappedFile file) : file_(std::move(file)) {
    path_ = file_.path();
    looks_like_zip(file_.bytes()) ? open_zip() : open_stream();
    add_tensors();
}

void PickleFile::open_zip() {
    archive_ = std::make_unique<ZipArchive>(file_.bytes(), file_.path());
    const auto& entries = archive_->entries();
    const auto pickle =
        std::find_if(entries.begin(), entries.end(), [](const auto& e) { return ends_a_folder(e.name); });
    check(pickle != entries.end(), "{} is a zip archive, but none of torch.save's: it holds no data.pkl", file_.path());
    check(pickle->size <= kLargestPickle, "{}: its pickle of {} bytes is larger than that of any file of weights",
          file_.path(), pickle->size);
    folder_ = pickle->name.substr(0, pickle->name.size() - kPickle.size());
    if (const ZipEntry* order = archive_->find(folder_ + "byteorder"); order != nullptr && !order->deflated) {
        const std::span<const uint8_t> text = archive_->stored_bytes(*order);
        check(std::string_view(reinterpret_cast<const char*>(text.data()), text.size()) != "big",
              "{} was saved on a big-endian machine, whose files this program does not read", file_.path());
    }
    if (pickle->deflated) packed_pickle_ = archive_->inflated(*pickle);
    const std::span<const uint8_t> bytes =
        pickle->deflated ? std::span<const uint8_t>(packed_pickle_) : archive_->stored_bytes(*pickle);
    graph_ = unpickle(bytes, file_.path()).graph;
}

/// The container of before PyTorch 1.6, or one plain pickle.
void PickleFile::open_stream() {
    UnpickledPart part = unpickle(file_.bytes(), file_.path());
    const PickleValue root = part.graph[part.graph.root];
    if (root.kind != PickleKind::bytes || root.text != kLegacyMagic) {
        graph_ = std::move(part.graph);
        return;
    }
    uint64_t place = part.bytes;
    const auto next = [&] {
        UnpickledPart read = unpickle(from(file_.bytes(), place), file_.path(), place);
        place += read.bytes;
        return std::move(read.graph);
    };
    const PickleGraph protocol = next(), system = next();
    check(protocol[protocol.root].number == kLegacyProtocol, "{} is a file of torch.save of version {}, expected {}",
          file_.path(), protocol[protocol.root].number, kLegacyProtocol);
    const PickleValue* little = system.find(system[system.root], "little_endian");
    check(little == nullptr || little->number != 0,
          "{} was saved on a big-endian machine, whose files this program does not read", file_.path());
    graph_ = next();
    find_legacy_storages(place);
}

/// A list of keys, then for each a count of elements and the elements.
void PickleFile::find_legacy_storages(uint64_t begin) {
    const std::span<const uint8_t> bytes = file_.bytes();
    const UnpickledPart keys = unpickle(from(bytes, begin), file_.path(), begin);
    std::unordered_map<std::string_view, size_t> element_bytes;
    for (const PickleStorage& storage : graph_.storages) element_bytes[storage.key] = size_of(storage.dtype);
    uint64_t place = begin + keys.bytes;
    for (const PickleId id : keys.graph[keys.graph.root].items) {
        const std::string_view key = keys.graph[id].text;
        const auto known = element_bytes.find(key);
        check(known != element_bytes.end(), "{} is damaged: its storage {} belongs to no tensor", file_.path(), key);
        int64_t count = -1;
        if (bytes.size() - place >= sizeof(count)) std::memcpy(&count, bytes.data() + place, sizeof(count));
        place = std::min<uint64_t>(place + sizeof(count), bytes.size());
        const uint64_t left = bytes.size() - place;
        check(count >= 0 && static_cast<uint64_t>(count) <= left / known->second,
              "{} is damaged or truncated: its storage {} of {} elements at byte {} reaches beyond the file's end, {}",
              file_.path(), key, count, place, bytes.size());
        const uint64_t size = static_cast<uint64_t>(count) * known->second;
        legacy_storages_[std::string(key)] = {bytes.data() + place, nullptr, size};
        place += size;
    }
}

PickleFile::Storage PickleFile::storage_of(const PickleStorage& storage) const {
    const std::string key(storage.key);
    if (archive_ == nullptr) {
        const auto found = legacy_storages_.find(key);
        check(found != legacy_storages_.end(), "{} is damaged: its storage {} is missing", file_.path(), key);
        return found->second;
    }
    const ZipEntry* entry = archive_->find(folder_ + "data/" + key);
    check(entry != nullptr, "{} is damaged: its storage {}data/{} is missing", file_.path(), folder_, key);
    if (entry->deflated) return {nullptr, entry, entry->size};
    return {archive_->stored_bytes(*entry).data(), nullptr, entry->size};
}

void PickleFile::add(std::vector<TensorEntry>& entries, TensorEntry entry, Place place) {
    entry.begin = places_.size();
    entry.bytes = static_cast<uint64_t>(bytes_of(entry.dtype, entry.shape));
    entries.push_back(std::move(entry));
    places_.push_back(std::move(place));
}

void PickleFile::add_tensor(std::vector<TensorEntry>& entries, const std::string& name, const PickleTensor& tensor) {
    const PickleStorage& view = graph_.storages[tensor.storage];
    const auto element = static_cast<uint64_t>(size_of(view.dtype));
    const Storage storage = storage_of(view);
    const auto end = static_cast<uint64_t>(view.first + view.count);  // below 2^50
    check(end <= storage.size / element,
          "{} is damaged: tensor {} lies in a storage of {} elements of {}, of which the file has {} bytes",
          file_.path(), name, end, name_of(view.dtype), storage.size);
    const uint64_t begin = static_cast<uint64_t>(view.first + tensor.offset) * element;
    add(entries, {name, view.dtype, tensor.shape}, {storage, begin, tensor.strides});
}

void PickleFile::add_array(std::vector<TensorEntry>& entries, const std::string& name, const PickleArray& array) {
    const std::optional<FileDType> dtype = dtype_of_numpy(array.dtype);
    check(dtype.has_value(), "{} is damaged: the NumPy array {} has no elements", file_.path(), name);
    const int64_t bytes = bytes_of(*dtype, array.shape);
    check(bytes >= 0 && static_cast<uint64_t>(bytes) == array.bytes.size(),
          "{} is damaged: the NumPy array {} of shape {} and type {} has {} bytes", file_.path(), name,
          shape_text(array.shape), array.dtype, array.bytes.size());
    const Storage storage = {reinterpret_cast<const uint8_t*>(array.bytes.data()), nullptr, array.bytes.size()};
    add(entries, {name, *dtype, array.shape},
        {storage, 0, array.column_major ? column_major_strides(array.shape) : row_major_strides(array.shape)});
}

void PickleFile::add_tensors() {
    PickleContents contents = contents_of(graph_, file_.path());
    std::vector<TensorEntry> entries;
    for (const NamedValue& named : contents.tensors) {
        const PickleValue& value = graph_[named.value];
        const auto number = static_cast<size_t>(value.number);
        if (value.kind == PickleKind::tensor) {
            add_tensor(entries, named.name, graph_.tensors[number]);
        } else {
            add_array(entries, named.name, graph_.arrays[number]);
        }
    }
    check(!entries.empty(), "{} holds no tensors: {}", file_.path(), kRemedy);
    metadata_ = std::move(contents.metadata);
    set_entries(std::move(entries));
}

const uint8_t* PickleFile::unpacked(const ZipEntry& entry) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = unpacked_.find(&entry);
    if (found != unpacked_.end()) return found->second.data();
    return unpacked_.emplace(&entry, archive_->inflated(entry)).first->second.data();
}

void PickleFile::read(const TensorEntry& entry, void* target) const {
    if (entry.bytes == 0) return;
    const Place& place = places_[entry.begin];
    const uint8_t* storage = place.storage.packed ? unpacked(*place.storage.packed) : place.storage.bytes;
    copy_strided({storage + place.begin, size_of(entry.dtype), entry.shape, place.strides}, target);
}

}  // namespace moco

#include "nn/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"

namespace moco {

using Json = nlohmann::json;

namespace {

constexpr FileDType kDTypes[] = {FileDType::f64, FileDType::f32, FileDType::f16, FileDType::bf16, FileDType::i64,
                                 FileDType::i32, FileDType::i16, FileDType::i8,  FileDType::u8,   FileDType::boolean};

/// Parses JSON, refusing what nlohmann::json alone would accept: the same key twice (the last one would win), and
/// nesting beyond what a header has.
Json parse_json(const std::string& text, const std::string& path) {
    constexpr int kDeepest = 8;
    std::vector<std::set<std::string>> keys(kDeepest + 1);
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
        check(depth <= kDeepest, "{}: the safetensors header is nested too deeply", path);
        if (event == Json::parse_event_t::object_start) keys[static_cast<size_t>(depth)].clear();
        if (event == Json::parse_event_t::key) {
            const std::string& key = parsed.get_ref<const std::string&>();
            // The keys of an object opened at depth d are reported at depth d + 1.
            check(keys[static_cast<size_t>(depth - 1)].insert(key).second,
                  "{}: the safetensors header has the key {} twice", path, key);
        }
        return true;
    };
    try {
        return Json::parse(text, watch);
    } catch (const Json::exception&) {
        fail("{} is not a safetensors file: its header of {} bytes is not JSON", path, text.size());
    }
}

uint64_t read_unsigned(const Json& value, const std::string& name, const std::string& path) {
    check(value.is_number_unsigned(), "{}: tensor {} has {} where its header needs a whole number >= 0", path, name,
          value.dump());
    return value.get<uint64_t>();
}

TensorEntry parse_entry(const std::string& name, const Json& value, uint64_t data_bytes, const std::string& path) {
    check(value.is_object() && value.contains("dtype") && value.contains("shape") && value.contains("data_offsets"),
          "{}: tensor {} lacks dtype, shape or data_offsets in the header", path, name);
    const Json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
    check(dtype.is_string() && shape.is_array() && offsets.is_array() && offsets.size() == 2,
          "{}: tensor {} has a dtype, shape or data_offsets of the wrong kind in the header", path, name);

    TensorEntry entry;
    entry.name = name;
    const std::optional<FileDType> known = file_dtype_from_name(dtype.get<std::string>());
    check(known.has_value(),
          "{}: tensor {} has the type {}; this program reads F64, F32, F16, BF16, I64, I32, I16, I8, "
          "U8, BOOL",
          path, name, dtype.dump());
    entry.dtype = *known;
    for (const Json& extent : shape) {
        const uint64_t e = read_unsigned(extent, name, path);
        check(e <= uint64_t{1} << 62, "{}: tensor {} has an extent of {}", path, name, e);
        entry.shape.push_back(static_cast<int64_t>(e));
    }
    entry.begin = read_unsigned(offsets[0], name, path);
    const uint64_t end = read_unsigned(offsets[1], name, path);
    check(entry.begin <= end && end <= data_bytes,
          "{} is damaged or truncated: tensor {} should lie in bytes {} to {} of {}", path, name, entry.begin, end,
          data_bytes);
    entry.bytes = end - entry.begin;
    check(bytes_of(entry.dtype, entry.shape) == static_cast<int64_t>(entry.bytes),
          "{}: tensor {} of type {} and shape {} does not take the {} bytes the header gives it", path, name,
          name_of(entry.dtype), shape.dump(), entry.bytes);
    return entry;
}

Metadata parse_metadata(const Json& value, const std::string& path) {
    check(value.is_object(), "{}: the safetensors header's __metadata__ is not an object", path);
    Metadata metadata;
    for (const auto& [key, text] : value.items()) {
        check(text.is_string(), "{}: the safetensors header's metadata '{}' is not a text", path, key);
        metadata[key] = text.get<std::string>();
    }
    return metadata;
}

/// Sorts the entries by place and checks that they tile the file.
void check_places(std::vector<TensorEntry>& entries, uint64_t data_bytes, const std::string& path) {
    std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.bytes < b.bytes;
    });
    uint64_t end = 0;
    for (const TensorEntry& entry : entries) {
        check(entry.begin == end, "{}: tensor {} begins at byte {}, but the one before ends at {}", path, entry.name,
              entry.begin, end);
        end += entry.bytes;
    }
    check(end == data_bytes, "{}: its tensors take {} bytes, but {} follow the header", path, end, data_bytes);
}

}  // namespace

std::optional<FileDType> file_dtype_from_name(std::string_view name) {
    for (const FileDType dtype : kDTypes) {
        if (name_of(dtype) == name) return dtype;
    }
    return std::nullopt;
}

SafetensorsHeader parse_header(const std::string& text, uint64_t data_bytes, const std::string& path) {
    const Json json = parse_json(text, path);
    check(json.is_object(), "{} is not a safetensors file: its header is no JSON object", path);
    SafetensorsHeader header;
    for (const auto& [name, value] : json.items()) {
        if (name == "__metadata__") {
            header.metadata = parse_metadata(value, path);
        } else {
            header.entries.push_back(parse_entry(name, value, data_bytes, path));
        }
    }
    check_places(header.entries, data_bytes, path);
    return header;
}

std::string header_text(const SafetensorsHeader& header) {
    Json json = Json::object();
    if (!header.metadata.empty()) json["__metadata__"] = header.metadata;
    for (const TensorEntry& entry : header.entries) {
        json[entry.name] = {{"dtype", name_of(entry.dtype)},
                            {"shape", entry.shape},
                            {"data_offsets", {entry.begin, entry.begin + entry.bytes}}};
    }
    // Names and metadata may hold any bytes (a path, say); those that are no UTF-8 are replaced.
    std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
}

}  // namespace moco

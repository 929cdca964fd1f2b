// idx: two zero bytes, a type (8: bytes), the number of dimensions, the dimensions as big-endian 32-bit numbers, data.
#include "moco/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/stand_in.h"
#include "moco/data/memory_dataset.h"

namespace moco {
namespace {

struct GzClose {
    void operator()(gzFile file) const { gzclose(file); }
};
using GzHandle = std::unique_ptr<gzFile_s, GzClose>;

struct Idx {
    std::string path;
    std::vector<int64_t> extents;
    std::vector<uint8_t> values;
};

/// The file of that stem in `folder`, under any of the names it is spread by.
std::string find_file(const std::string& folder, const std::string& stem, const std::string& remedy) {
    std::string dotted = stem;
    dotted[dotted.rfind("-idx")] = '.';
    for (const std::string& name : {stem, stem + ".gz", dotted, dotted + ".gz"}) {
        const std::string path = (std::filesystem::path(folder) / name).string();
        std::error_code ignored;
        if (std::filesystem::is_regular_file(path, ignored)) return path;
    }
    fail("{} is missing in {} (with or without .gz): {}", stem, folder, remedy);
}

/// Reads `count` bytes; zlib passes files through that are not gzipped. Memory is taken for what has come, not for what
/// a header claims.
std::vector<uint8_t> read_bytes(gzFile file, size_t count, const std::string& path) {
    std::vector<uint8_t> bytes;
    for (size_t done = 0; done < count;) {
        const auto chunk = static_cast<unsigned>(std::min<size_t>(count - done, 1u << 20));
        bytes.resize(done + chunk);
        const int got = gzread(file, bytes.data() + done, chunk);
        int error = Z_OK;
        const char* message = gzerror(file, &error);
        check(got >= 0 && (error == Z_OK || error == Z_STREAM_END || error == Z_BUF_ERROR),
              "{} cannot be unpacked ({}): the file is corrupt, get it again", path, message);
        check(got > 0, "{} is truncated: {} bytes where {} were expected; get it again", path, done, count);
        done += static_cast<size_t>(got);
    }
    return bytes;
}

std::string start_of(const std::string& path) {
    std::string start(64, '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(start.data(), static_cast<std::streamsize>(start.size()));
    return start;
}

Idx read_idx(const std::string& path, int dimensions) {
    const GzHandle file(gzopen(path.c_str(), "rb"));
    check(file != nullptr, "{} cannot be opened: check that it may be read", path);
    gzbuffer(file.get(), 1 << 18);
    const std::vector<uint8_t> header = read_bytes(file.get(), 4 + 4 * static_cast<size_t>(dimensions), path);
    if (header[0] != 0) check_no_pointer(path, start_of(path));
    check(header[0] == 0 && header[1] == 0 && header[2] == 8 && header[3] == dimensions,
          "{} is not an idx file of bytes in {} dimensions (it starts with {:02x} {:02x} {:02x} {:02x}); get it again",
          path, dimensions, header[0], header[1], header[2], header[3]);
    Idx idx = {path, {}, {}};
    int64_t count = 1;
    for (size_t i = 4; i < header.size(); i += 4) {
        const int64_t extent = int64_t{header[i]} << 24 | header[i + 1] << 16 | header[i + 2] << 8 | header[i + 3];
        check(extent > 0, "{} is empty: its header has a dimension of 0", path);
        check(extent <= (int64_t{1} << 34) / count, "{} claims more than 16 GiB: its header is corrupt, get it again",
              path);
        count *= extent;
        idx.extents.push_back(extent);
    }
    idx.values = read_bytes(file.get(), static_cast<size_t>(count), path);
    // Reading to the end lets zlib verify the checksum.
    uint8_t extra = 0;
    const int more = gzread(file.get(), &extra, 1);
    int error = Z_OK;
    gzerror(file.get(), &error);
    check(error != Z_BUF_ERROR, "{} is truncated: its checksum is missing; get it again", path);
    check(more == 0, "{} is corrupt ({}); get it again", path,
          more > 0 ? "more data than its header says" : "its checksum is wrong");
    return idx;
}

struct Family {
    std::string name;
    Normalization normalization;
    std::vector<std::string> class_names;
    std::string remedy;
};

DatasetPtr open_part(const Family& family, const std::string& folder, const std::string& part,
                     const std::string& prefix) {
    Idx images = read_idx(find_file(folder, prefix + "-images-idx3-ubyte", family.remedy), 3);
    Idx labels = read_idx(find_file(folder, prefix + "-labels-idx1-ubyte", family.remedy), 1);
    check(labels.extents[0] == images.extents[0], "{} holds {} labels, but {} holds {} images; get both again",
          labels.path, labels.extents[0], images.path, images.extents[0]);
    const uint8_t highest = *std::max_element(labels.values.begin(), labels.values.end());
    DatasetInfo info = {family.name, part, images.extents[0], 1, 0, 0, 0, {}, {}};
    info.classes = std::max<int64_t>(10, highest + 1);  // EMNIST's letters come in these files too
    info.H = images.extents[1];
    info.W = images.extents[2];
    info.normalization = family.normalization;
    if (info.classes == static_cast<int64_t>(family.class_names.size())) info.class_names = family.class_names;
    return std::make_shared<MemoryDataset>(std::move(info), std::move(images.values), std::move(labels.values),
                                           std::filesystem::path(images.path).filename().string());
}

Splits open_idx(const Family& family, const std::string& folder) {
    std::error_code ignored;
    check(std::filesystem::is_directory(folder, ignored), "{}: there is no folder {}: {}", family.name, folder,
          family.remedy);
    const DatasetPtr train = open_part(family, folder, "train", "train");
    return {train, train, open_part(family, folder, "test", "t10k")};
}

}  // namespace

Splits open_fashion_mnist(const std::string& folder) {
    const Family family = {
        "fashion-mnist",
        {{0.2860f, 0, 0}, {0.3530f, 1, 1}},
        {"T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
        "install it with `apt install dataset-fashion-mnist` or `scripts/get-data fashion-mnist`"};
    return open_idx(family, folder);
}

Splits open_mnist(const std::string& folder) {
    const Family family = {"mnist",
                           {{0.1307f, 0, 0}, {0.3081f, 1, 1}},
                           {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                           "name the folder with MNIST's four idx files, mnist:DIR"};
    return open_idx(family, folder);
}

}  // namespace moco

// libFuzzer's way into the readers of data sets: idx files, the records of CIFAR and STL, files of labels. An input is
// a byte that says which, and files, each after its length in two bytes.
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "core/error.h"
#include "moco/data/idx.h"
#include "moco/data/label_file.h"
#include "moco/data/record_dataset.h"
#include "tests/fuzz/scratch_file.h"

namespace {

using Bytes = std::span<const uint8_t>;

Bytes take_file(Bytes& bytes) {
    if (bytes.size() < 2) return std::exchange(bytes, {});
    const size_t size = std::min<size_t>(bytes[0] | bytes[1] << 8, bytes.size() - 2);
    const Bytes file = bytes.subspan(2, size);
    bytes = bytes.subspan(2 + size);
    return file;
}

void read_all(const moco::Dataset& data) {
    for (int64_t i = 0; i < data.count(); ++i) {
        const moco::Image image = data.load(i);
        if (image.pixels.empty() || data.label(i) >= std::max<int64_t>(data.info().classes, 0)) std::abort();
    }
}

void read_idx(Bytes bytes) {
    for (const char* name :
         {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
        moco::testing::scratch_file(name, take_file(bytes));
    }
    const moco::Splits splits = moco::open_mnist(moco::testing::scratch_folder());
    read_all(*splits.train);
    read_all(*splits.test);
}

void read_records(Bytes bytes, moco::RecordLayout layout) {
    layout.side = 2;
    moco::DatasetInfo info;
    info.classes = 3;
    std::vector<moco::MappedFile> files;
    for (const char* name : {"records-1", "records-2"})
        files.emplace_back(moco::testing::scratch_file(name, take_file(bytes)), "");
    const Bytes labels = take_file(bytes);
    read_all(moco::RecordDataset(info, layout, std::move(files), {labels.begin(), labels.end()}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const Bytes bytes(data + 1, size - 1);
    try {
        switch (data[0] % 4) {
            case 0:
                read_idx(bytes);
                break;
            case 1:
                read_records(bytes, {.label_bytes = 2});
                break;
            case 2:
                read_records(bytes, {.label_bytes = 0, .order = moco::PlaneOrder::columns});
                break;
            default:
                moco::read_label_file(moco::testing::scratch_file("labels.csv", bytes));
        }
    } catch (const moco::Error&) {
    }
    return 0;
}
